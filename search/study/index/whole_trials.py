"""The index of a ledger: which files of trials were whole, by their stamps, so that not all are read again.

It is for those who look on and need no more of a trial than that its file is as it was written; whoever
trains, decides or checks reads the files themselves. A file that was changed has another stamp, and its own
digest decides; one that is gone does not count, whatever the index says. So an index may be old, damaged or
removed at any time: what it does not have is read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.json_files import read_as, write_json
from data_prep.storage.parsed_files import Stamp, stamp_of
from search.study.formats import INDEX
from search.study.layout import Layout
from search.study.ledger import require_unchanged_trial

MANY = 1_000  # files whose reading is worth an index


def is_large(count: int) -> bool:
    """Returns whether so many files are worth an index."""
    return count >= MANY


def unread_trials(folder: Path, stamps: Mapping[str, Stamp]) -> list[str]:
    """Returns a sentence for each file of a study's ledger that is not whole, given their `stamps` by name.

    Where MANY had to be read, that is noted beside the ledger for the next reader, if the folder can be
    written. The index has a hidden name: it holds for this copy of the files, and is not sent to an address.
    """
    layout = Layout(folder)
    known = read_index(layout.index)
    if known == stamps:
        return []
    new = sorted(name for name, stamp in stamps.items() if known.get(name) != stamp)
    said = {name: sentence for name in new if (sentence := _damage(layout.trials / name))}
    if is_large(len(new) - len(said)):
        keep_index(layout.index, {name: stamp for name, stamp in stamps.items() if name not in said})
    return list(said.values())


def _damage(path: Path) -> str:
    try:
        require_unchanged_trial(path)
    except FileNotFoundError:  # gone since the folder was listed
        return ""
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}); check its permissions"
    return ""


def stamps_in(folder: Path) -> dict[str, Stamp]:
    """Returns by name the stamps of the JSON files in `folder`, none where there is no folder."""
    stamps: dict[str, Stamp] = {}
    try:
        # by its descriptor, so that the system looks up each name from there, not from the root on
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return stamps
    try:
        with os.scandir(opened) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and entry.name[0] != ".":  # a hidden one is being written
                    try:
                        stamps[entry.name] = stamp_of(entry.stat())
                    except FileNotFoundError:  # replaced this moment
                        continue
    finally:
        os.close(opened)
    return stamps


def read_index(path: Path) -> dict[str, Stamp]:
    """Returns by name the stamps of files that were whole; none where the index is damaged or not there."""
    try:
        return read_as(path, INDEX, _stamps, way_out="it is made again") or {}
    except InputError:
        return {}


def _stamps(values: Mapping[str, Any]) -> dict[str, Stamp]:
    return dict(zip(values["names"], zip(*values["stamps"], strict=True), strict=True))


def keep_index(path: Path, stamps: Mapping[str, Stamp]) -> None:
    """Writes the index of files that are whole; where the folder cannot be written nothing happens."""
    columns = [list(column) for column in zip(*stamps.values(), strict=True)]
    with contextlib.suppress(OSError, InputError):
        write_json(path, {"format": INDEX.number, "names": list(stamps), "stamps": columns})
