"""Names of trials where their runs are logged: in TensorBoard and in Weights & Biases."""

from __future__ import annotations

import re
from collections.abc import Iterator

from search.space.labels import show_value
from search.space.stages import EVERY_STAGE
from trainables.trial import Trial


def run_name(trial: Trial, stage: str) -> str:
    """Returns a name for people and for files, such as "0.001_seed7_random_0123456789abcdef".

    It begins with the value of what `stage` varies, where `stage` is one, and ends with the key.
    """
    return "_".join(_words(trial, stage))


def key_in(name: str) -> str:
    """Returns the key of the trial that `run_name` made `name` of."""
    return name.rpartition("_")[2]


def _words(trial: Trial, stage: str) -> Iterator[str]:
    if stage in EVERY_STAGE:
        value = show_value(getattr(trial.config, EVERY_STAGE[stage].hyperparameter))
        yield re.sub("[/:_]", "-", value)  # it is part of a file's name, and _ stands between the parts
    yield f"seed{trial.config.seed}"
    yield trial.split
    yield trial.key
