"""What a command line asks for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from data_prep.storage.remote import shown
from search.space.stages import ALL, FINETUNE, STAGES


def stage_names(arguments: argparse.Namespace) -> Sequence[str]:
    """Returns the stages to run; of all of them without those whose hyperparameter is given."""
    if arguments.stage == FINETUNE:
        return []
    if arguments.stage != ALL:
        return [arguments.stage]
    return [name for name in arguments.order if STAGES[name].hyperparameter not in arguments.given]


def asked_of(arguments: argparse.Namespace, stages: Sequence[str]) -> dict[str, Any]:
    """Returns what a reader of the live state wants to know of a run's options; `stages` are those to run."""
    names = ("mode", "repeats", "cpus_per_trial", "gpus_per_trial", "max_concurrent")
    return {
        **{name: getattr(arguments, name) for name in names},
        "data": None if arguments.data is None else shown(arguments.data.absolute()),
        "ray_address": arguments.address or "local",
        "stages": list(stages),
    }
