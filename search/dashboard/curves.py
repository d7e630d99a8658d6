"""Learning curves of chosen trials, those that run among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from search.dashboard.trials import best_of, trial_label
from search.study.live_state import LiveState
from search.study.snapshot import Snapshot
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import TrialStatus

CURVE_METRICS = ("val_accuracy", "accuracy", "val_loss", "loss", "learning_rate")
_FIRST_CURVES = 6  # curves until somebody chooses; more would hide one another


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """The figures of the trial `key` by epoch, None where one was not finite."""

    label: str
    stage: str
    epochs: Sequence[int]
    values: Sequence[float | None]
    key: str = ""


def trial_curves(
    snapshot: Snapshot, table: pd.DataFrame, keys: Sequence[str], metric: str, *, running_mean: bool = False
) -> list[LearningCurve]:
    """Returns the curves of the trials `keys` in that order, without those that have no epoch yet.

    `table` is `trial_table`'s. With `running_mean` a point is the mean of all epochs up to it, which for
    the validation accuracy ends in the objective.
    """
    rows = {row["key"]: row for row in table[table["key"].isin(keys)].to_dict("records")}
    curves = []
    for key in keys:
        points = list(_points(snapshot, key, metric))
        if key in rows and points:
            epochs, values = [epoch for epoch, _ in points], [value for _, value in points]
            shown = list(_means(values)) if running_mean else values
            label, stage = trial_label(rows[key]), rows[key]["stage"]
            curves.append(LearningCurve(label=label, stage=stage, epochs=epochs, values=shown, key=key))
    return curves


def first_choice(table: pd.DataFrame, objective: Objective = OBJECTIVE) -> list[str]:
    """Returns the keys of the trials to show until somebody chooses: the running and the best ones."""
    running = table[table["status"] == "RUNNING"]["key"].tolist()[:_FIRST_CURVES]
    ended = best_of(table[table["status"] == TrialStatus.COMPLETED.value], _FIRST_CURVES, objective)
    return [*running, *ended["key"].tolist()][:_FIRST_CURVES]


def _points(snapshot: Snapshot, key: str, metric: str) -> Iterator[tuple[int, float | None]]:
    live = snapshot.live
    running: Sequence[Mapping[str, Any]] = ()
    if live and live.state is LiveState.RUNNING:
        running = next((trial.epochs for trial in live.running if trial.key == key), ())
    ended = snapshot.trials.get(key)
    if running or not ended:  # a trial that is trained again, for its weights, shows what it does now
        yield from ((epoch["epoch"], epoch[metric]) for epoch in running)
    else:
        yield from ((epoch.epoch, getattr(epoch, metric)) for epoch in ended.epochs)


def _means(values: Sequence[float | None]) -> Iterator[float | None]:
    total, count = 0.0, 0
    for value in values:
        if value is not None:
            total, count = total + value, count + 1
        yield total / count if count else None
