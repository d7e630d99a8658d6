"""File of a training's state: facts as JSON, then arrays, in NumPy's format without pickle."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.storage.atomic_files import write_whole
from data_prep.storage.remote import drop, is_file

STATE_FORMAT = 1
# the digest of each array is the one that its zip file keeps of it, which reading compares
# whatever numpy, zipfile and json make of a file that was cut off or written over
DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


def write_state(path: Path, facts: Mapping[str, Any], values: Iterable[Any]) -> None:
    """Writes the file at `path`, whole or not at all; raises OSError where that is not possible."""
    arrays = [
        np.array(json.dumps({"format": STATE_FORMAT, **facts}, allow_nan=False)),
        *(np.asarray(value) for value in values),
    ]
    write_whole(path, lambda file: np.savez(file, *arrays))


def read_state(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Returns the facts that a checkpoint or kept weights begin with, and their arrays.

    Raises one of DAMAGED where the file is damaged.
    """
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        text, *values = (file[name] for name in file.files)
    facts = dict(json.loads(str(text)))
    if facts.pop("format", STATE_FORMAT) != STATE_FORMAT:  # the first ones did not say so
        raise ValueError(f"its format is another than {STATE_FORMAT}, which this version reads")
    return facts, values


def are_kept(path: Path) -> bool:
    """Returns whether weights are at `path`, or at its address; damaged ones are removed, with a warning."""
    if path.exists():
        try:
            read_state(path)
        except DAMAGED:
            warnings.warn(f"the weights {path} are damaged; the trial is trained again", stacklevel=2)
            drop(path)
    return is_file(path)
