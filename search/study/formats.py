"""Formats of a study's files: the number that each carries, risen where its content changes; one reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from data_prep.errors import InputError

STUDY_FORMAT = 2  # of study.json; 1 had no names of classes
STAGE_FORMAT = 3  # of stages/<stage>.json; 1 had fewer figures of an entry, 2 no margin and no baselines
BASELINES_FORMAT = 1  # of baselines/<key>.json
FINETUNE_FORMAT = 3  # of finetune.json; 1 had no margin and no baselines, 2 no objective
FINAL_FORMAT = 2  # of final.json; 1 had no intervals and did not know who else read the data
SPLIT_WORTH_FORMAT = 1  # of split_worth.json
LIVE_FORMAT = 1  # of live.json
MODEL_FORMAT = 1  # of winner/model.json
Value = TypeVar("Value")


def require_format(found: object, known: int, *, older: Sequence[int] = ()) -> None:
    """Raises ValueError where the format `found` is neither the `known` one nor an `older` one still read."""
    if found not in (known, *older):
        raise ValueError(f"its format is {found}, this version reads {known}")


def read_file(path: Path, parse: Callable[[Any], Value], *, way_out: str) -> Value | None:
    """Returns what `parse` makes of the JSON in a file of a study, None where there is no file.

    Raises InputError, which ends with the `way_out`, where the file cannot be read or `parse` fails.
    """
    try:
        return parse(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):  # the latter where a file has the name of a folder
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # whatever stands there
        raise InputError(f"{path} is damaged ({error}); {way_out}") from error
