"""Configurations and their runs: trials that differ in nothing but seed and split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from trainables.objective import Objective
from trainables.trial import TrialConfig, TrialResult, TrialStatus


def by_configuration(trials: Iterable[TrialResult]) -> dict[TrialConfig, list[TrialResult]]:
    """Returns the runs of each configuration (with seed 0), in the order in which the first of them came."""
    runs: dict[TrialConfig, list[TrialResult]] = {}
    for each in trials:
        runs.setdefault(replace(each.trial.config, seed=0), []).append(each)
    return runs


def scored_by(trials: Sequence[TrialResult], objective: Objective) -> list[TrialResult]:
    """Returns the completed trials that have a value of `objective`: others are of another one."""
    done = (trial for trial in trials if trial.status is TrialStatus.COMPLETED)
    return [trial for trial in done if math.isfinite(objective.of(trial))]


def are_scored(trials: Sequence[TrialResult], objective: Objective) -> bool:
    """Returns whether all of `trials` are completed and have a value of `objective`."""
    return len(scored_by(trials, objective)) == len(trials)
