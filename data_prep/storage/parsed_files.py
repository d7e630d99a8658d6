"""Files that are parsed once until they change."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, TypeVar

Stamp = tuple[int, int, int]
"""Tells one content of a file from the next: its moment of change (ns), size and inode."""

Value = TypeVar("Value")


def stamp_of(found: os.stat_result) -> Stamp:
    """Returns the stamp of the file that `found` describes."""
    # not the time alone: a file that is replaced within a tick of the clock has another inode
    return found.st_mtime_ns, found.st_size, found.st_ino


class ParsedFiles:
    """Contents of files, kept by path until the stamp of a file is another."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, Any]] = {}

    def get(self, path: Path, parse: Callable[[Path], Value], stamp: Stamp | None = None) -> Value:
        """Returns the value that `parse` gives for the file, whose `stamp` is looked up where none is given.

        Raises what `parse` raises, and FileNotFoundError where there is no file.
        """
        stamp = stamp or stamp_of(path.stat())  # before parsing: a change meanwhile is seen the next time
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = stamp, parse(path)
        value: Value = known[1]
        return value

    def keep_only(self, paths: Container[Path]) -> None:
        """Forgets all files but `paths`."""
        self._known = {path: known for path, known in self._known.items() if path in paths}
