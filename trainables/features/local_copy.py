"""Copies of cached rows on the disk of the machine that trains: from shared storage once, for all trials.

Neither Keras nor Ray is imported.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.json_files import parsed, read_json, write_json
from data_prep.storage.remote import open_read
from trainables.features.cache import INDEX, cache_errors, exclusive, say_on_stderr

CHUNK_BYTES = 2**24


def copy_here(folder: Path, local: Path) -> Path:
    """Returns the folder below `local` with the finished rows of `folder`, which are copied where missing.

    `folder` is one of the cache's (`trainables.features.cache`). Where that has an address
    (`data_prep.storage.remote`) the rows come from there, and `local` may be the copy of the cache itself.
    One process copies, others that want the same wait for it; what arrives is compared with the checksum in
    the index. Raises InputError where the rows cannot be read, do not have their checksum, or do not fit on
    the disk.
    """
    there = local / "features" / folder.name
    index = _index(folder)
    if _is_whole(there, index):
        return there
    with exclusive(there, say_on_stderr):
        if not _is_whole(there, index):  # else another process has copied them while this one waited
            with _source(folder) as source, cache_errors(there):
                write_whole(there / "features.npy", lambda file: _copy(source, file, folder, index))
                write_json(there / "index.json", index)  # last: with it the rows are whole
    return there


def _copy(source: BinaryIO, file: BinaryIO, folder: Path, index: dict[str, object]) -> None:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        file.write(chunk)
    if digest.hexdigest() != index["checksum"]:
        raise InputError(f"the features in {folder} are damaged; run again to make them again")


def _source(folder: Path) -> BinaryIO:
    try:
        return open_read(folder / "features.npy")
    except OSError as error:
        raise _missing(folder, error) from error


def _index(folder: Path) -> dict[str, object]:
    try:
        with open_read(folder / "index.json") as file:
            return parsed(file.read(), INDEX)
    except (OSError, ValueError) as error:
        raise _missing(folder, error) from error


def _missing(folder: Path, error: Exception) -> InputError:
    return InputError(f"the features in {folder} are not there ({error}); run again to make them")


def _is_whole(there: Path, index: dict[str, object]) -> bool:
    try:
        return read_json(there / "index.json", INDEX) == index
    except (OSError, ValueError):
        return False
