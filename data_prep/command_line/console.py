"""Consoles for people to read, on which text is text."""

from __future__ import annotations

import sys
from typing import IO, TextIO

from rich.console import Console


def text_console(file: IO[str] | None = None, *, stderr: bool = False) -> Console:
    """Returns a console on standard output, standard error, or `file`, with plain brackets and numbers."""
    return Console(file=file, stderr=stderr, markup=False, emoji=False, highlight=False)


def print_warning(message: Warning | str, *_: object, to: TextIO | None = None, **__: object) -> None:
    """Prints a warning in one line on standard error, or to a file; it may stand for warnings.showwarning."""
    print(f"warning: {message}", file=to or sys.stderr)
