"""The names that stages, hyperparameters and their values have on a screen and in the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search.space.stages import STAGES
from trainables.trial import TrialConfig

HYPERPARAMETERS = tuple(stage.hyperparameter for stage in STAGES.values())
COMPARED = ("batch_size", "learning_rate", "hidden_units", "dropout")  # where nobody says what was varied
_TITLES: Mapping[str, str] = {
    "backbone": "Backbones",
    "batch_size": "Batch size",
    "lr": "Learning rate",
    "neurons": "Hidden units of the dense layers",
    "dropout": "Dropout at each dense layer",
    "l2": "L2 regularisation",
    "schedule": "Learning-rate schedule",
    "joint": "Joint search",
}
_LABELS: Mapping[str, str] = {
    "l2": "L2",
    "learning_rate_schedule": "schedule",
    "bn_statistics": "BatchNorm statistics",
    "bn_momentum": "BatchNorm momentum",
}


def show_value(value: Any) -> str:
    """Returns a hyperparameter's value as tables show it: 512/256/128, 0.0003, cosine."""
    if isinstance(value, tuple | list):
        return "/".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def title_of(stage: str) -> str:
    """Returns the heading of a stage, or of the joint search, whatever it found."""
    return _TITLES.get(stage, stage)


def stage_label(name: str) -> str:
    """Returns the label of what a stage varies: "batch size"."""
    return label_of(STAGES[name].hyperparameter) if name in STAGES else name


def label_of(name: str) -> str:
    """Returns the label of a hyperparameter or a metric: "hidden units", "val accuracy"."""
    return _LABELS.get(name, name.replace("_", " "))


def describe_config(config: TrialConfig, names: Iterable[str]) -> str:
    """Returns the values of `names` in words: "batch size 32, learning rate 0.001"."""
    return ", ".join(f"{label_of(name)} {show_value(getattr(config, name))}" for name in names)


def varied_among(configs: Sequence[TrialConfig]) -> list[str]:
    """Returns the hyperparameters in which `configs` differ."""
    return [name for name in HYPERPARAMETERS if len({getattr(config, name) for config in configs}) > 1]
