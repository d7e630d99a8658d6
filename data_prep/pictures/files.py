"""Bytes of a picture's file: a regular file of a size that a picture may have, never a device or a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from data_prep.errors import reason_of
from data_prep.pictures.memory import FILES
from data_prep.pictures.refusals import MISSING, NOT_A_FILE, TOO_LONG, UNREADABLE, PictureError
from data_prep.storage.regular_files import NotRegularError, open_regular
from data_prep.storage.remote import address_of, located, open_read, shown

MAX_FILE_BYTES = 2**29  # 89 million pixels of 32 bits are 341 MiB


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
    try:
        return open_regular(path)
    except (NotRegularError, IsADirectoryError) as error:
        raise PictureError(NOT_A_FILE, f"the image {name} cannot be read ({error.strerror})") from error


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
        why = reason_of(error)
        raise PictureError(
            MISSING if gone else UNREADABLE, f"the image {name} cannot be read ({why})"
        ) from error
