"""File of a training's state: facts as JSON, then arrays, in NumPy's format without pickle."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.errors import in_one_line
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.remote import drop, is_file

STATE_FORMAT = 2  # 1 did not say how many arrays there are
# of a file that was cut off or written over, and of facts that say something else
DAMAGED = (OSError, ValueError, KeyError, TypeError)


def write_state(path: Path, facts: Mapping[str, Any], values: Iterable[Any]) -> None:
    """Writes the file at `path`, whole or not at all; raises OSError where that is not possible."""
    arrays = [np.asarray(value) for value in values]
    said = {"format": STATE_FORMAT, "arrays": len(arrays), **facts}
    first = np.array(json.dumps(said, allow_nan=False))
    write_whole(path, lambda file: np.savez(file, first, *arrays))


def read_state(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Returns the facts that a checkpoint or kept weights begin with, and their arrays.

    Raises one of DAMAGED where the file is damaged.
    """
    # the digest of each array is the one that its zip file keeps of it, which reading compares
    try:
        # opened here, as numpy leaves a damaged .npz open
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            text, *values = (file[name] for name in file.files)
        facts = dict(json.loads(str(text)))
    except OSError:
        raise
    except Exception as error:  # numpy, zipfile, zlib, struct and json each raise their own
        raise ValueError(in_one_line(error)) from error
    found = facts.pop("format", 1)  # the first ones did not say so
    if found not in (1, STATE_FORMAT):
        raise ValueError(f"its format is {found!r}, this version reads 1 and {STATE_FORMAT}")
    # a damaged list of contents may have lost some
    if found == STATE_FORMAT and facts.pop("arrays") != len(values):
        raise ValueError("it has lost some of its arrays")
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
