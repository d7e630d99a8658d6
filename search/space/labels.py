"""The names that stages, hyperparameters and their values have on a screen and in the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from search.space.stages import STAGES
from trainables.hyperparameters import BY_WORD, HYPERPARAMETERS, LINEAR
from trainables.trial import Trial, TrialConfig

OF_THE_REPORT = tuple(stage.hyperparameter for stage in STAGES.values())
COMPARED = ("batch_size", "learning_rate", "hidden_units", "dropout")  # where nobody says what was varied


def show_value(value: Any) -> str:
    """Returns a hyperparameter's value as tables show it: 512/256/128, 0.0003, cosine."""
    if isinstance(value, tuple | list):
        return "/".join(map(str, value)) or LINEAR
    return f"{value:g}" if isinstance(value, float) else str(value)


def title_of(stage: str) -> str:
    """Returns the heading of a stage, or of the joint search, whatever it found."""
    return BY_WORD[stage].title if stage in BY_WORD else {"joint": "Joint search"}.get(stage, stage)


def stage_label(name: str) -> str:
    """Returns the label of what a stage varies: "batch size"."""
    return label_of(BY_WORD[name].name) if name in BY_WORD else name


def named_stage(name: str) -> str:
    """Returns what a stage varies, with the word that commands have for it: "L2 (stage weight_decay)"."""
    label = stage_label(name)
    return label if label == name else f"{label} (stage {name})"


def label_of(name: str) -> str:
    """Returns the label of a hyperparameter or a metric: "hidden units", "val accuracy"."""
    row = HYPERPARAMETERS.get(name)
    return (row and row.label) or name.replace("_", " ")


def describe_config(config: TrialConfig, names: Iterable[str]) -> str:
    """Returns the values of `names` in words: "batch size 32, learning rate 0.001"."""
    return ", ".join(f"{label_of(name)} {show_value(getattr(config, name))}" for name in names)


def varied_among(configs: Sequence[TrialConfig]) -> list[str]:
    """Returns the hyperparameters in which `configs` differ, whatever their seeds."""
    return [row.name for row in BY_WORD.values() if len(set(map(attrgetter(row.name), configs))) > 1]


def told_of(*configs: TrialConfig) -> list[str]:
    """Returns what a reader is told of `configs`: the report's hyperparameters, and others that they set."""
    plain = TrialConfig()
    return [
        name
        for name in (row.name for row in BY_WORD.values())
        if name in OF_THE_REPORT or any(getattr(each, name) != getattr(plain, name) for each in configs)
    ]


def run_label(name: str, trial: Trial, *, seeds: bool, splits: bool) -> str:
    """Returns what a run of the configuration `name` is called: "0.001, seed 8, fold-1".

    Its seed and its split are told where there are several.
    """
    return name + f", seed {trial.config.seed}" * seeds + f", {trial.split}" * splits


def without_run(label: str, trial: Trial) -> str:
    """Returns the name of the configuration in what `run_label` calls a run; "" where it has none."""
    words = f", {label}".removesuffix(f", {trial.split}").removesuffix(f", seed {trial.config.seed}")
    return words.removeprefix(", ")
