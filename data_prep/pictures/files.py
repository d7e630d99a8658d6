"""Bytes of a picture's file: a regular file of a size that a picture may have, never a device or a pipe."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from data_prep.errors import in_one_line
from data_prep.pictures.memory import FILES
from data_prep.pictures.refusals import MISSING, NOT_A_FILE, TOO_LONG, UNREADABLE, PictureError
from data_prep.storage.remote import address_of, located, open_read, shown

MAX_FILE_BYTES = 2**29  # 89 million pixels of 32 bits are 341 MiB
_LETTERS = 200  # of an error of the file system's
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def bytes_of(path: str | Path, most: int = MAX_FILE_BYTES) -> Iterator[bytes]:
    """Gives the bytes of the picture at `path`, a path or an address; large files wait for each other.

    Raises PictureError where there is no regular file of at most `most` bytes, or it cannot be read.
    """
    place = located(path) if isinstance(path, str) else path
    name = path if isinstance(path, str) else shown(path)
    with _told(name):
        file = open_read(place) if address_of(place) else _open_regular(place, name)
    with file:
        size = 0 if address_of(place) else os.fstat(file.fileno()).st_size
        _require_length(size, most, name)
        with FILES.holding(size):
            with _told(name):
                content = file.read(most + 1)  # a file may grow, and no address says how long it is
            _require_length(len(content), most, name)
            yield content


def _open_regular(path: Path, name: str) -> BinaryIO:
    _require_regular(path.stat().st_mode, name)  # before it is opened: to open a device may do something
    # without waiting: a pipe may have taken the place of the file meanwhile
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = os.fdopen(number, "rb")
    try:
        _require_regular(os.fstat(number).st_mode, name)
    except PictureError:
        file.close()
        raise
    return file


def _require_regular(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise PictureError(NOT_A_FILE, f"an image must be a regular file, {name} is {kind}")


def _require_length(size: int, most: int, name: str) -> None:
    if size > most:
        raise PictureError(
            TOO_LONG, f"the file of an image may have {most:,} bytes, {name} has {size:,} or more"
        )


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turns what goes wrong with a file into a sentence."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        if isinstance(error, PictureError):
            raise
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        why = getattr(error, "strerror", None) or in_one_line(error, _LETTERS)
        raise PictureError(
            MISSING if gone else UNREADABLE, f"the image {name} cannot be read ({why})"
        ) from error
