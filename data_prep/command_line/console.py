"""Consoles for people to read, on which text is text."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, TextIO

from rich.console import Console
from rich.text import Text

from data_prep.command_line.names import cleaned, shortened

STDERR = 2  # the descriptor, to which compiled code writes


class _CleanConsole(Console):
    """A console to which text out of data cannot send commands; rich lets escape sequences through."""

    def render_str(self, text: str, **traits: Any) -> Text:
        """Returns `text` to be printed, cleaned."""
        return super().render_str(cleaned(text), **traits)

    def print(self, *objects: Any, soft_wrap: bool | None = None, **traits: Any) -> None:
        """Prints; a line with `soft_wrap` stays whole in a file, and on a terminal its words do."""
        if soft_wrap and self.is_terminal:
            objects = tuple(between_words(str(each), self.width) for each in objects)
        super().print(*objects, soft_wrap=soft_wrap, **traits)


def between_words(line: str, width: int) -> str:
    """Returns `line` broken between its words, what follows a title and spaces below what follows it."""
    if len(line) < width:
        return line
    titled = re.match(r"\S+ {2,}", line)
    below = " " * len(titled[0] if titled else "")
    # --keras-backend is one word, and so is a path
    return textwrap.fill(line, width, subsequent_indent=below, break_long_words=False, break_on_hyphens=False)


def text_console(file: IO[str] | None = None, *, stderr: bool = False) -> Console:
    """Returns a console on standard output, standard error, or `file`, with plain brackets and numbers."""
    # rich would read [brackets] as styles and :words: as emoji, and colour every number
    # a notebook would get lines for standard error as output of its own, also where that is redirected
    return _CleanConsole(
        file=file, stderr=stderr, markup=False, emoji=False, highlight=False, force_jupyter=False
    )


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Says on standard error what takes a while: beside a sign that moves where that is a terminal."""
    console = text_console(stderr=True)
    if console.is_terminal:
        with console.status(what):
            yield
        return
    console.print(what, soft_wrap=True)
    yield


def print_warning(message: Warning | str, *_: object, to: TextIO | None = None, **__: object) -> None:
    """Prints a warning on standard error, or to a file; it may stand for warnings.showwarning."""
    text_console(to, stderr=True).print(f"warning: {shortened(str(message))}", soft_wrap=True)


@contextlib.contextmanager
def only_warnings() -> Iterator[None]:
    """Silences standard error but for warnings; an error is told after it."""
    with (
        Path(os.devnull).open("w") as nowhere,
        as_now(sys.stderr) as screen,
        warnings.catch_warnings(),
        contextlib.redirect_stderr(nowhere),
    ):
        warnings.showwarning = partial(print_warning, to=screen)
        yield


@contextlib.contextmanager
def as_now(stream: TextIO) -> Iterator[TextIO]:
    """Gives a stream to where `stream` writes now, also where another file gets the descriptor STDERR."""
    try:
        is_descriptor = stream.fileno() == STDERR
    except (OSError, AttributeError):  # of a notebook or a test, or there is none
        is_descriptor = False
    if not is_descriptor:
        yield stream
        return
    stream.flush()
    with os.fdopen(os.dup(STDERR), "w", 1, stream.encoding, stream.errors) as now:
        yield now


def stdout_to_stderr() -> contextlib.redirect_stdout[TextIO]:
    """Returns a context that keeps standard output, which is for results, free of a library's lines."""
    return contextlib.redirect_stdout(sys.stderr)
