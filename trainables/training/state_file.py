"""File of a training's state: facts as JSON, then arrays, in NumPy's format without pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.storage.atomic_files import write_whole

# whatever numpy, zipfile and json make of a file that was cut off or written over
DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


def write_state(path: Path, facts: Mapping[str, Any], values: Iterable[Any]) -> None:
    """Writes the file at `path`, whole or not at all; raises OSError where that is not possible."""
    arrays = [np.array(json.dumps(facts, allow_nan=False)), *(np.asarray(value) for value in values)]
    write_whole(path, lambda file: np.savez(file, *arrays))


def read_state(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Returns the facts that a checkpoint or kept weights begin with, and their arrays.

    Raises one of DAMAGED where the file is damaged.
    """
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        facts, *values = (file[name] for name in file.files)
    return json.loads(str(facts)), values
