"""Table of the trials of a study: those that ended, those that run, and those that failed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from search.dashboard.stage_progress import searched
from search.options.command_line import options_of
from search.options.search_options import SearchOptions
from search.space.labels import label_of, show_value, varied_among
from search.space.stages import EVERY_STAGE, FINETUNE
from search.study.folder import Command
from search.study.live_state import Live, LiveTrial
from search.study.search_id import SearchKind
from search.study.snapshot import Snapshot
from search.study.stage_results import Result, StageResult
from trainables.objective import OBJECTIVE, OBJECTIVES, Objective
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult

RUNNING = "RUNNING"
_NO_STAGE = "none"
OBJECTIVE_COLUMN = "objective"
TRIAL_COLUMNS = (
    "stage",
    "status",
    "value",
    OBJECTIVE_COLUMN,
    "best val acc",
    "best epoch",
    "train acc",
    "one class",
    "epochs",
    "of",
    "seconds",
    "reused by",
    "seed",
    "split",
    "reason",
    "key",
)
"""Of every table; the hyperparameters that differ between trials stand before the seed."""


# tabs ask for it, and the page is made again every few seconds
@lru_cache(maxsize=4)
def trial_table(snapshot: Snapshot) -> pd.DataFrame:
    """Returns one row per trial: the running first, then the latest ended first.

    `stage` is the first that compared it, what a running one is trained for, or "none"; `value` its value
    there; `train acc` is the training accuracy at inference after the last epoch, `one class` the number of
    epochs that gave one class to all validation rows; `reused by` names the stages that found it in the
    ledger. Accuracies are NaN before an epoch.
    """
    stages, objective = _stages(snapshot), objective_of(snapshot)
    rows = [_ended(key, result, stages, objective) for key, result in snapshot.trials.items()]
    rows.sort(key=lambda row: -snapshot.ended_at.get(row["key"], 0.0))
    live = snapshot.live
    if live:
        running = {trial.key for trial in live.running}
        lost = [trial for trial in live.failed if trial.key not in snapshot.trials]
        rows = [
            *(_live(trial, live, RUNNING, objective) for trial in live.running if live.state == "running"),
            *(_live(trial, live, "FAILED", objective) for trial in lost if trial.key not in running),
            *(row for row in rows if row["key"] not in running or live.state != "running"),
        ]
    configs: list[TrialConfig] = [row.pop("config") for row in rows]
    table = pd.DataFrame(rows, columns=pd.Index(TRIAL_COLUMNS))
    for name in varied_among(configs):
        cells = [_cell(getattr(config, name)) for config in configs]
        table.insert(list(table.columns).index("seed"), label_of(name), cells)
    return table


def objective_of(snapshot: Snapshot) -> Objective:
    """Returns the figure by which the latest search of the study compares its trials."""
    if snapshot.results:
        return snapshot.results[-1].objective
    asked = _last_options(snapshot.command)  # which knows it before the first result
    return OBJECTIVES[asked.deciding.objective] if asked else OBJECTIVE


@lru_cache(maxsize=4)
def _last_options(command: Command | None) -> SearchOptions | None:
    return options_of(command)


def best_of(table: pd.DataFrame, count: int, objective: Objective) -> pd.DataFrame:
    """Returns the `count` best rows, the best first; those without a value of the objective come last."""
    return table.sort_values(
        OBJECTIVE_COLUMN, ascending=objective.mode == "min", kind="stable", na_position="last"
    ).head(count)


def filter_trials(
    table: pd.DataFrame,
    stages: Sequence[str] = (),
    statuses: Sequence[str] = (),
    values: Sequence[str] = (),
    least: float | None = None,
) -> pd.DataFrame:
    """Returns the rows of those stages, statuses and values (none named: all) from an objective on.

    A trial belongs to a stage that reused it, too.
    """
    kept = pd.Series(True, index=table.index)
    if stages:
        reusing = table["reused by"].map(lambda names: bool(set(names.split(", ")) & set(stages)))
        kept &= table["stage"].isin(stages) | reusing
    if statuses:
        kept &= table["status"].isin(statuses)
    if values:
        kept &= table["value"].isin(values)
    if least is not None:
        kept &= table[OBJECTIVE_COLUMN] >= least
    return table[kept]


def trial_label(row: Mapping[Any, Any]) -> str:
    """Returns what a person calls the trial of a table's row: "lr 0.001, seed 7 (0123abcd)"."""
    value = f" {row['value']}" if row["value"] else ""
    return f"{row['stage']}{value}, seed {row['seed']} ({row['key'][:8]})"


class _Stages:
    """Stages by trial: which compared it first, at which value, and which reused it."""

    def __init__(self) -> None:
        self.first: dict[str, tuple[str, str]] = {}
        self.reusing: dict[str, list[str]] = {}

    def add(self, result: Result) -> None:
        name = result.stage if result.sweep == 1 else f"{result.stage} sweep {result.sweep}"
        for entry in result.entries:
            value = show_value(entry.value) if isinstance(result, StageResult) else ""
            for key in entry.trials:
                self.first.setdefault(key, (name, value))
            for key in entry.reused:
                if name not in self.reusing.setdefault(key, []):
                    self.reusing[key].append(name)
        for key in result.trial_keys():
            self.first.setdefault(key, (name, ""))

    def of(self, key: str) -> tuple[str, str, str]:
        stage, value = self.first.get(key, (_NO_STAGE, ""))
        others = [name for name in self.reusing.get(key, ()) if name != stage]
        return stage, value, ", ".join(others)


def _stages(snapshot: Snapshot) -> _Stages:
    stages = _Stages()
    for result in snapshot.results:
        stages.add(result)
    for column in snapshot.finetune.columns if snapshot.finetune else ():
        for key in column.trials:
            stages.first.setdefault(key, (FINETUNE, column.title))
    for reading in snapshot.readings:
        for key in reading["trials"]:
            stages.first.setdefault(key, (SearchKind.HELD_OUT, ""))
    if snapshot.live and (now := searched(snapshot.live)):
        # a stage that runs has no result yet: its trials are those that ended since it began
        begun = pd.Timestamp(snapshot.live.begun_at).timestamp()
        for key, ended_at in snapshot.ended_at.items():
            if key not in stages.first and ended_at >= begun and key in snapshot.trials:
                stages.first[key] = (now, _value(now, snapshot.trials[key].trial.config))
    return stages


def _ended(key: str, result: TrialResult, stages: _Stages, objective: Objective) -> dict[str, Any]:
    trial = result.trial
    stage, value, reusing = stages.of(key)
    return {
        "stage": stage,
        "status": result.status.value,
        "value": value,
        OBJECTIVE_COLUMN: objective.of(result),
        "best val acc": result.best_val_accuracy,
        "best epoch": result.best_epoch,
        "train acc": result.train_accuracy_at_inference,
        "one class": result.one_class_epochs,
        "epochs": result.figures.count if result.figures else 0,
        "seconds": result.seconds,
        "reused by": reusing,
        "reason": result.reason,
        "key": key,
        **_asked(trial),
    }


def _live(trial: LiveTrial, live: Live, status: str, objective: Objective) -> dict[str, Any]:
    stage = searched(live) or str(live.search or _NO_STAGE)
    accuracies = [epoch["val_accuracy"] for epoch in trial.epochs if epoch["val_accuracy"] is not None]
    best = max(accuracies, default=math.nan)  # which no epoch has: NaN equals nothing
    return {
        "stage": stage,
        "status": status,
        "value": _value(stage, trial.config),
        OBJECTIVE_COLUMN: _so_far(trial, objective),
        "best val acc": best,
        "best epoch": next((epoch["epoch"] for epoch in trial.epochs if epoch["val_accuracy"] == best), None),
        "train acc": trial.epochs[-1].get("train_accuracy_at_inference") if trial.epochs else None,
        "one class": sum(bool(epoch.get("val_one_class")) for epoch in trial.epochs),
        "epochs": len(trial.epochs),
        "seconds": sum(epoch["seconds"] or 0.0 for epoch in trial.epochs),
        "reused by": "",
        "reason": trial.reason,
        "key": trial.key,
        **_asked(trial),
    }


def _so_far(trial: LiveTrial, objective: Objective) -> float:
    """Returns the objective after the epochs so far, NaN where they do not carry its figure."""
    known = [EpochMetrics(**epoch) for epoch in trial.epochs if epoch["val_accuracy"] is not None]
    return objective.of_epochs(known)


def _asked(trial: Trial | LiveTrial) -> dict[str, Any]:
    config = trial.config
    return {"of": config.epochs, "seed": config.seed, "split": trial.split, "config": config}


def _value(stage: str, config: TrialConfig) -> str:
    return show_value(getattr(config, EVERY_STAGE[stage].hyperparameter)) if stage in EVERY_STAGE else ""


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float) else show_value(value)
