"""Ray's own words, which no setting of its silences: they go to the study's logs, not to the terminal.

Its compiled part writes to the descriptor of standard error, and a thread prints notes on its processes.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import BinaryIO

from data_prep.command_line.console import STDERR, as_now, stdout_to_stderr
from data_prep.errors import InputError
from data_prep.storage.remote import drop
from data_prep.storage.standing import standing
from search.study.layout import Layout

_RAY = "ray"  # the name of the log
_NOTES = "ray_listen_error_messages"  # the thread that prints notes
_kept: list[tuple[Path, int]] = []  # the log, while it is written, and the screen


def own_words_told_or_kept(study: Path, *, verbose: bool, holds: bool) -> AbstractContextManager[object]:
    """Tells all that is said on standard error where that is `verbose`; else as `own_words_kept`."""
    return stdout_to_stderr() if verbose else own_words_kept(study, holds=holds)


@contextmanager
def own_words_kept(study: Path, *, holds: bool = True) -> Iterator[None]:
    """Keeps what Ray writes by itself in the folder `study`; what else is printed goes to standard error.

    So does what goes to standard output, which is for results. A driver that does not hold the study has a
    log of its own.
    """
    log = Layout(study).log(_RAY if holds else f"{_RAY}-joined")
    try:
        with (
            _appended(log) as kept,
            as_now(sys.stderr) as screen,
            redirect_stderr(screen),
            redirect_stdout(_Stdout(kept)),
            _descriptor_of_stderr_to(kept, log),
        ):
            yield
    finally:
        with contextlib.suppress(OSError, InputError):  # a storage that is gone
            if not log.stat().st_size:
                drop(log)
                log.parent.rmdir()


def log() -> tuple[str, int]:
    """Returns the path of the log and its bytes while it is written, nothing while nothing is kept."""
    return (str(_kept[-1][0]), os.fstat(STDERR).st_size) if _kept else ("", 0)


def screen() -> int:
    """Returns the descriptor of what standard error is without the log."""
    return _kept[-1][1] if _kept else STDERR


def keep_words(study: Path, text: str) -> None:
    """Adds `text` to Ray's own words in the folder `study`, where that can be written."""
    with contextlib.suppress(OSError, InputError), _appended(Layout(study).log(_RAY)) as kept:
        kept.write(text.encode(errors="replace"))


def _appended(log: Path) -> BinaryIO:
    standing(log, lambda: log.parent.mkdir(parents=True, exist_ok=True))
    return log.open("ab", buffering=0)


class _Stdout(io.TextIOBase):
    """Standard output while Ray runs: its notes are kept, and all else goes to standard error."""

    def __init__(self, kept: BinaryIO) -> None:
        self._kept = kept

    def write(self, text: str) -> int:
        if threading.current_thread().name != _NOTES:
            return sys.stderr.write(text)
        with contextlib.suppress(OSError):  # a disk that is full
            self._kept.write(text.encode(errors="replace"))
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


@contextmanager
def _descriptor_of_stderr_to(kept: BinaryIO, log: Path) -> Iterator[None]:
    before = os.dup(STDERR)
    os.dup2(kept.fileno(), STDERR)
    _kept.append((log.absolute(), before))
    try:
        yield
    finally:
        _kept.pop()
        os.dup2(before, STDERR)
        os.close(before)
