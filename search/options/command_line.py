"""Options as they are typed: a configuration, and a study, become words of a command to copy."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any

from search.study.facts import StudyFacts
from trainables.trial import TrialConfig

MANIFEST, WEIGHTS = "MANIFEST", "WEIGHTS"  # for what nobody knows any more
_OPTIONS = {
    "split": "--split",
    "weights": "--weights",
    "keras_backend": "--keras-backend",
    "feature_precision": "--feature-precision",
}


OPTIONS = {
    "backbone": "backbone",
    "batch_size": "batch-size",
    "learning_rate": "learning-rate",
    "hidden_units": "hidden-units",
    "dropout": "dropout",
    "l2": "l2",
    "learning_rate_schedule": "schedule",
    "epochs": "epochs",
    "seed": "seed",
}


def options_of(config: TrialConfig, leave_out: Collection[str] = ()) -> str:
    """Returns `config` as options of search.run, without the hyperparameters `leave_out`."""
    values = config.to_dict()
    words = [
        f"--{option} {shlex.quote(_typed(values[name]))}"
        for name, option in OPTIONS.items()
        if name in values and name not in leave_out
    ]
    return " ".join(words)


def _typed(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def study_options(name: str, storage: str, facts: StudyFacts, data: str | None = None) -> list[str]:
    """Returns the words for the study `name` below `storage` that was made of `facts`.

    `data` is its manifest. Where it is not known, and the study is not of the built-in sample, a word in
    capitals stands in its place, as for a file of weights, of which only the hash is kept.
    """
    if data is None and not facts.is_drawn:
        data = MANIFEST
    words = [] if data is None else ["--data", data]
    for fact, option in _OPTIONS.items():
        value = getattr(facts, fact)
        if value:
            words += [option, WEIGHTS if str(value).startswith("file:") else str(value)]
    return [*words, "--study", name, "--storage", storage]
