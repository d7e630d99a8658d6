"""Trials and winners as every tracker is told them: names, hyperparameters, epochs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from search.space.labels import show_value
from search.space.stages import EVERY_STAGE
from search.study.finetune_result import FinetuneResult
from search.study.stage_results import PopulationResult, Result
from trainables.objective import PROBABILITY_FIGURES
from trainables.trial import EpochMetrics, Trial

Decided = Result | FinetuneResult  # what has a winner, a table and figures
HparamValue = str | float | bool


def run_name(trial: Trial, stage: str) -> str:
    """Returns a name for people and for files, such as "0.001_seed7_random_0123456789abcdef".

    It begins with the value of what `stage` varies, where `stage` is one, and ends with the key.
    """
    return "_".join(_words(trial, stage))


def key_in(name: str) -> str:
    """Returns the key of the trial that `run_name` made `name` of."""
    return name.rpartition("_")[2]


def hyperparameters_of(trial: Trial, stage: str) -> dict[str, HparamValue]:
    """Returns the hyperparameters of `trial` with its split and `stage`; widths as text: "512/256"."""
    values = {**trial.config.to_dict(), "split": trial.split, "stage": stage}
    return {name: show_value(value) if isinstance(value, list) else value for name, value in values.items()}


def rows_of(epochs: Sequence[EpochMetrics]) -> list[dict[str, float]]:
    """Returns the rows of a trial's epochs, in their order."""
    return [row_of(epochs[:number]) for number in range(1, len(epochs) + 1)]


def row_of(epochs: Sequence[EpochMetrics]) -> dict[str, float]:
    """Returns the row of the last of `epochs`, with the objectives so far; what is not finite is left out."""
    metrics, accuracies = epochs[-1], [epoch.val_accuracy for epoch in epochs]
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    values = {name: getattr(metrics, name) for name in names}
    values |= {"mean_val_accuracy": math.fsum(accuracies) / len(epochs), "best_val_accuracy": max(accuracies)}
    values["epoch_learning_rate"] = metrics.learning_rate  # learning_rate is the configuration's
    for name in ("train_accuracy_at_inference", *PROBABILITY_FIGURES):
        if getattr(metrics, name) is not None:  # of an earlier version, or no objective asked for it
            values[name] = getattr(metrics, name)
    return {name: value for name, value in values.items() if math.isfinite(value)}


def winners_of(result: Decided) -> Sequence[str]:
    """Returns the keys of the winner's trials; of a population's member that by which callbacks knew it."""
    if isinstance(result, FinetuneResult):
        column = result.column(result.winner or "")
        return column.trials if column else ()
    if result.winner is None:
        return ()
    entry = result.entry_of(result.winner)
    if isinstance(result, PopulationResult):
        return [result.members[result.entries.index(entry)]["key"]]
    return entry.trials


def _words(trial: Trial, stage: str) -> Iterator[str]:
    if stage in EVERY_STAGE:
        value = show_value(getattr(trial.config, EVERY_STAGE[stage].hyperparameter))
        yield re.sub("[/:_]", "-", value)  # it is part of a file's name, and _ stands between the parts
    yield f"seed{trial.config.seed}"
    yield trial.split
    yield trial.key
