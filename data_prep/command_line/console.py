"""Consoles for people to read, on which text is text."""

from __future__ import annotations

from typing import IO

from rich.console import Console


def text_console(file: IO[str] | None = None, *, stderr: bool = False) -> Console:
    """Returns a console on standard output, standard error, or `file`, with plain brackets and numbers."""
    return Console(file=file, stderr=stderr, markup=False, emoji=False, highlight=False)
