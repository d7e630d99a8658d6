"""Files that a user names, opened only where they are regular ones of a size that they may have.

To open a pipe waits until somebody writes into it, to open a device may do something, and neither has an end.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

MOST_TEXT = 2**24  # of a file that a person wrote: a study, networks
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegularError(OSError, ValueError):
    """A path at which there is no regular file of a size that it may have; `strerror` says what there is."""

    def __init__(self, path: Path, strerror: str) -> None:
        super().__init__(errno.EINVAL, strerror, str(path))


def is_there(path: Path) -> bool:
    """Returns whether there is a file or folder; data may name what no system takes."""
    try:
        return path.exists()
    except OSError:
        return False


def require_regular(path: Path, most: int | None = None) -> None:
    """Raises OSError where there is no regular file of at most `most` bytes at `path`; nothing is opened."""
    _require(path, path.stat(), most)


def open_regular(path: Path, most: int | None = None) -> BufferedReader:
    """Returns the opened file at `path`.

    Raises OSError where there is no regular one of at most `most` bytes.
    """
    require_regular(path, most)
    # without waiting: a pipe may have taken the place of the file meanwhile
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = os.fdopen(number, "rb")
    try:
        _require(path, os.fstat(number), most)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, most: int) -> bytes:
    """Returns the bytes of the regular file at `path`, at most `most`; raises OSError as `open_regular`."""
    with open_regular(path, most) as file:
        return file.read(most)


def read_text(path: Path) -> str:
    """Returns the text that a person wrote at `path`.

    Raises OSError as `open_regular` does, also over MOST_TEXT bytes, and UnicodeDecodeError.
    """
    return read_regular(path, MOST_TEXT).decode("utf-8")


def _require(path: Path, found: os.stat_result, most: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise NotRegularError(path, f"it must be a regular file and is {kind}")
    if most is not None and found.st_size > most:
        raise NotRegularError(path, f"it may have {most:,} bytes and has {found.st_size:,}")
