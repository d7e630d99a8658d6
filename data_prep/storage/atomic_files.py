"""Files that are there with all their bytes or not at all, whatever happens to the process that writes."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from data_prep.errors import InputError
from data_prep.storage.standing import standing


def write_whole(path: Path, write: Callable[[BinaryIO], Any], *, makes_folder: bool = False) -> None:
    """Lets `write` fill the file at `path`, which appears with all its bytes or not at all.

    Its folder is made where `makes_folder` is set. Where a storage is watched, see `standing`, `write` may be
    called again.
    """
    standing(path, lambda: _write_whole(path, write, makes_folder=makes_folder))


def _write_whole(path: Path, write: Callable[[BinaryIO], Any], *, makes_folder: bool) -> None:
    if makes_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    # in the same folder, where a rename is one step; of this process, as another may write the same file
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            # else a machine that loses its power may keep the new name, and none of the bytes
            os.fsync(file.fileno())
        part.replace(path)
        _keep_name(path.parent)
    finally:
        with contextlib.suppress(OSError):  # a storage that is gone: what went wrong before is what is told
            part.unlink(missing_ok=True)


def put_whole(written: Path, path: Path) -> Path:
    """Gives a file that lies on the same disk the name `path`, with all its bytes whatever happens."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    whole = written.replace(path)
    _keep_name(path.parent)
    return whole


def _keep_name(folder: Path) -> None:
    """Has the disk keep the names in `folder`, else a machine that loses its power may forget a new one."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no such call, and keeps names by itself
        return
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some storages of a network know none
            raise
    finally:
        os.close(number)


def require_place(path: Path) -> None:
    """Raises InputError where no file can be at `path`: its folder is missing, or it is a folder itself."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(
            f"{path} cannot be written: its folder must exist, and it must not be a folder itself; "
            "make the folder, or name another file"
        )
