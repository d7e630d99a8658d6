"""Runs a stage: which trials it needs, which of them are missing, what they found, and who wins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import fmean, stdev
from typing import Any

import numpy as np

from data_prep.splits import describe
from search.breakdown import break_down
from search.ledger import Ledger
from search.problem import Problem
from search.results import Entry, Objective, Protocol, StageResult
from search.selection import Comparison, Selection, select, statement
from search.stages import Stage, show_value
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

OBJECTIVE = Objective()
LEVEL = 0.05

Train = Callable[[Sequence[Trial]], Mapping[str, TrialResult]]


@dataclass(frozen=True, eq=False)
class StagePlan:
    """What a stage will train: `base` with each of the stage's values, on every split with every seed."""

    stage: Stage
    base: TrialConfig
    taken_over: Mapping[str, str]
    problem: Problem
    seeds: tuple[int, ...]
    sweep: int = 1

    @property
    def configs(self) -> tuple[TrialConfig, ...]:
        """The compared configurations, with the first seed."""
        return self.stage.configs(replace(self.base, seed=self.seeds[0]))

    def runs_of(self, config: TrialConfig) -> tuple[Trial, ...]:
        """Returns the trials of `config`: a run for each split and seed."""
        return tuple(
            self.problem.trial(replace(config, seed=seed), split.name)
            for split in self.problem.splits
            for seed in self.seeds
        )

    def trials(self) -> list[Trial]:
        """Returns all trials, each once; runs with the same split and seed stand together."""
        by_run = zip(*(self.runs_of(config) for config in self.configs), strict=True)
        return list({trial.key: trial for run in by_run for trial in run}.values())

    def label(self, trial: Trial) -> str:
        """Returns what a person calls `trial` within this stage, such as "0.001, seed 8"."""
        words = [show_value(getattr(trial.config, self.stage.hyperparameter))]
        if len(self.seeds) > 1:
            words.append(f"seed {trial.config.seed}")
        if len(self.problem.splits) > 1:
            words.append(trial.split)
        return ", ".join(words)


def missing_trials(plan: StagePlan, ledger: Ledger) -> list[Trial]:
    """Returns the trials of the plan that are not in the ledger."""
    return [trial for trial in plan.trials() if ledger.find(trial) is None]


def run_stage(plan: StagePlan, ledger: Ledger, train: Train) -> StageResult:
    """Trains what is missing and returns what the stage found."""
    started = time.perf_counter()
    found = {trial.key: result for trial in plan.trials() if (result := ledger.find(trial))}
    trained = train([trial for trial in plan.trials() if trial.key not in found])
    results = {**found, **trained}
    selection = _select(plan, results)
    entries = tuple(
        _entry(plan, config, comparison, results, reused=found)
        for config, comparison in zip(plan.configs, selection.comparisons, strict=True)
    )
    winner = None if selection.winner is None else plan.configs[selection.winner]
    labels = [show_value(entry.value) for entry in entries]
    return StageResult(
        stage=plan.stage.name,
        hyperparameter=plan.stage.hyperparameter,
        sweep=plan.sweep,
        objective=OBJECTIVE,
        protocol=Protocol(
            split=plan.problem.protocol,
            splits=tuple(split.name for split in plan.problem.splits),
            seeds=plan.seeds,
            level=LEVEL,
        ),
        base=plan.base,
        taken_over=plan.taken_over,
        entries=entries,
        winner=winner,
        verdict=selection.verdict,
        statement=statement(selection, labels),
        notes=tuple(notes_on(plan)),
        breakdown=winner and breakdown_of(plan.runs_of(winner), plan.problem, ledger),
        seconds=time.perf_counter() - started,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def notes_on(plan: StagePlan) -> Iterator[str]:
    """Yields what a reader of this stage's figures must know."""
    if plan.problem.manifest.is_drawn:
        yield "The data is drawn by a program: these numbers say nothing about photographs."
    if plan.problem.weights == "none":
        yield "The backbones have random weights, not ImageNet's."
    for split in plan.problem.splits:
        yield describe(split)
    if any(config.batch_size == 1 for config in plan.configs):
        yield (
            "Batch size 1 trains nothing: BatchNorm with one example puts out its offset, "
            "so no hidden weight gets a gradient."
        )


def breakdown_of(runs: Sequence[Trial], problem: Problem, ledger: Ledger) -> dict[str, Any]:
    """Returns the breakdown of the validation errors of the runs with the first seed, all splits together."""
    first = [trial for trial in runs if trial.config.seed == runs[0].config.seed]
    rows_of = {split.name: split.validation for split in problem.splits}
    rows = np.concatenate([rows_of[trial.split] for trial in first])
    probabilities = np.concatenate([np.load(ledger.predictions_path(trial)) for trial in first])
    ages = problem.manifest.table["age"].iloc[rows]
    return break_down(
        problem.labels[rows],
        probabilities,
        [None if unknown else age for age, unknown in zip(ages, ages.isna(), strict=True)],
    )


def _select(plan: StagePlan, results: Mapping[str, TrialResult]) -> Selection:
    scores = [
        {(trial.split, trial.config.seed): _score(results.get(trial.key)) for trial in plan.runs_of(config)}
        for config in plan.configs
    ]
    return select(scores, level=LEVEL)


def _score(result: TrialResult | None) -> float:
    if result is None or result.status is not TrialStatus.COMPLETED:
        return math.nan
    return result.mean_val_accuracy


def _entry(
    plan: StagePlan,
    config: TrialConfig,
    comparison: Comparison | None,
    results: Mapping[str, TrialResult],
    reused: Mapping[str, TrialResult],
) -> Entry:
    keys = tuple(trial.key for trial in plan.runs_of(config))
    runs = [results[key] for key in keys if key in results]
    failed = [run for run in runs if run.status is not TrialStatus.COMPLETED]
    finished = [run for run in runs if run.status is TrialStatus.COMPLETED]
    scores = [run.mean_val_accuracy for run in finished]
    entry = Entry(
        value=getattr(config, plan.stage.hyperparameter),
        config=config,
        trials=keys,
        reused=tuple(key for key in keys if key in reused),
        status=(failed[0].status if failed else TrialStatus.COMPLETED).value,
        reason=failed[0].reason if failed else "",
        mean=fmean(scores) if scores else math.nan,
        spread=stdev(scores) if len(scores) > 1 else math.nan,
        best_val_accuracy=max((run.best_val_accuracy for run in finished), default=math.nan),
        best_epoch=finished[0].best_epoch if finished else None,
        seconds=sum(run.seconds for run in runs),
    )
    if comparison is None:
        return entry
    return replace(
        entry,
        difference=comparison.difference,
        interval=comparison.interval,
        p_value=comparison.p_value,
        tied=comparison.tied,
    )
