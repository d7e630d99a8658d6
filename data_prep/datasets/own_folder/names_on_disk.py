"""Names as they are on disk: those that look the same as a name in a label file, written in other bytes."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path


class NamesOnDisk:
    """Files below `root`, found by names in any form of Unicode; each folder is listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = cache(self._folder_named)
        self._names = cache(self._names_in)

    def of(self, path: str) -> str:
        """Returns the POSIX path of the file that looks like `path`, and `path` where there is none."""
        folder, _, name = path.rpartition("/")
        there = self._folder(folder)
        exact, alike = self._names(there)
        found = name if name in exact else alike.get(unicodedata.normalize("NFC", name), name)
        return f"{there}/{found}" if there else found

    def _folder_named(self, folder: str) -> str:
        return self.of(folder) if folder else ""

    def _names_in(self, folder: str) -> tuple[frozenset[str], dict[str, str]]:
        try:
            names = sorted(path.name for path in (self._root / folder).iterdir())
        except OSError:
            return frozenset(), {}  # the check of the images says what is missing
        alike: dict[str, str] = {}
        for name in names:
            if not name.isascii():
                alike.setdefault(unicodedata.normalize("NFC", name), name)
        return frozenset(names), alike
