"""Runs of fine-tuning: what each needs is trained before it, and the ends are compared."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from data_prep.errors import InputError
from search.finetune.columns import Column
from search.finetune.figures import column_results
from search.finetune.plan import FinetunePlan
from search.statistics.baselines import Baseline, beside
from search.statistics.selection import select
from search.statistics.verdict_text import not_for_new, statement
from search.study.comparison import Candidate, breakdown_of, independent_images, not_claimed_for, scored
from search.study.finetune_result import FinetuneResult
from search.study.layout import Layout
from search.study.ledger import Ledger, finished_trials
from search.study.search_id import SearchId, SearchKind
from search.study.setup import Problem
from trainables.features.inputs import backbone_read_by
from trainables.objective import OBJECTIVES, Objective
from trainables.training.state_file import are_kept
from trainables.trial import LAST, Trial, TrialResult, TrialStatus

BaselinesOf = Callable[[str], tuple[Baseline, ...]]
"""Gives the baselines on the features of a backbone."""


class Trains(Protocol):
    """Trains trials of a problem."""

    def __call__(
        self, problem: Problem, search: SearchId, trials: Sequence[Trial], keep: Collection[str]
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of those that ended; the weights of those in `keep` outlast them."""


def run_finetune(
    plan: FinetunePlan, ledger: Ledger, trains: Trains, baselines: BaselinesOf = lambda backbone: ()
) -> FinetuneResult:
    """Trains what is missing, in the order of what starts from what, and compares the ends.

    They are also compared with the `baselines` on the features of the winner's backbone.

    Raises InputError where a pretraining or the start of another trial did not complete.
    """
    started = time.perf_counter()
    runs = _Runs(ledger, trains)
    first = plan.pretraining_runs()
    if plan.pretraining:
        column = Column("", "", tuple(first), keep=True)
        runs.train(plan.pretraining, SearchId(SearchKind.PRETRAINING), [column])
        runs.require(first)
    columns = plan.head_columns()
    runs.train(plan.problem, SearchId(SearchKind.FINETUNE), columns)
    if plan.blocks:
        runs.require(columns[-1].runs)  # each block column starts from the weights of this one
        blocks = plan.block_columns()
        runs.train(plan.problem, SearchId(SearchKind.FINETUNE), blocks)
        columns += blocks
    before = plan.columns_of_before(columns)
    runs.train(plan.problem, SearchId(SearchKind.FINETUNE), before)
    columns += before
    results = _scored(columns, runs.results, plan, ledger)
    scores = [_scores_of(column, results, plan.objective) for column in columns]
    selection = select(scores, margin=plan.margin)
    winner = None if selection.winner is None else columns[selection.winner]
    found = baselines(backbone_read_by(plan.winner))
    verdict: str = selection.verdict
    several = not_claimed_for(verdict, plan.problem)
    words = statement(selection, [column.title for column in columns]) + not_for_new(several)
    if selection.winner is not None:
        verdict, words = beside(
            found,
            [_scores_of(column, results, OBJECTIVES["val_accuracy"]) for column in columns],
            winner=selection.winner,
            backbone=backbone_read_by(plan.winner),
            decided=(verdict, words),
            margin=plan.margin,
            judged=independent_images(plan.problem),
        )
    return FinetuneResult(
        columns=tuple(column_results(plan, columns, selection, results, ledger)),
        winner=winner.name if winner else None,
        verdict=verdict,
        statement=words,
        not_for_new=several,
        baselines=found,
        origin=plan.origin,
        split=plan.problem.protocol,
        seeds=plan.seeds,
        pretraining=winner.pretraining if winner and winner.pretraining else _facts(plan),
        objective=plan.objective,
        searched_by=plan.searched_by,
        breakdown=breakdown_of(winner.runs, plan.problem, ledger) if winner else None,
        seconds=time.perf_counter() - started,
        finished_at=datetime.now(UTC).isoformat(timespec="microseconds"),
    )


def require_weights(plan: FinetunePlan, run: Trial, ledger: Ledger, trains: Trains) -> None:
    """Sees to it that the weights of `run` lie in the study; the ledger alone does not keep them."""
    column = Column("", "", (run,), keep=True)
    _Runs(ledger, trains).train(plan.problem, SearchId(SearchKind.WEIGHTS), [column])


class _Runs:
    """Trials from the ledger, else trained; those whose weights are needed and gone are trained once more."""

    def __init__(self, ledger: Ledger, trains: Trains) -> None:
        self._ledger, self._trains, self._kept = ledger, trains, Layout(ledger.folder).weights
        self.results: dict[str, TrialResult] = {}

    def train(self, problem: Problem, search: SearchId, columns: Sequence[Column]) -> None:
        trials = [run for column in columns for run in column.runs]
        keep = {run.key for column in columns if column.keep for run in column.runs}
        done = finished_trials(trials, self._ledger)
        missing = [
            run
            for run in trials
            if run.key not in done or (run.key in keep and not self._has_weights(done[run.key]))
        ]
        self.results |= done
        if missing:
            ended = self._trains(problem, search, missing, keep)
            for key in ended.keys() & done.keys():  # trained once more for their weights
                _warn_of_difference(done[key], ended[key])
            self.results |= ended

    def require(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            result = self.results.get(trial.key)
            if result is None or result.status is not TrialStatus.COMPLETED:
                reason = (result.reason if result else "") or "no reason given"
                raise InputError(
                    f"the trial {trial.key}, from whose weights others start, did not complete ({reason}); "
                    "run the same command again"
                )

    def _has_weights(self, result: TrialResult) -> bool:
        if result.status is not TrialStatus.COMPLETED:
            return True  # it would fail again
        return are_kept(self._kept / result.trial.key / LAST)


def _warn_of_difference(before: TrialResult, again: TrialResult) -> None:
    accuracies = [[epoch.val_accuracy for epoch in result.epochs] for result in (before, again)]
    if accuracies[0] != accuracies[1]:  # to the bit: the same program on the same machine repeats itself
        warnings.warn(
            f"the trial {before.trial.key} was trained again for its weights and gave other numbers than the "
            "ledger has, which happens on another machine or with other versions",
            stacklevel=2,
        )


def _facts(plan: FinetunePlan) -> dict[str, Any] | None:
    if plan.pretraining is None:
        return None
    (split,) = plan.pretraining.splits
    runs = plan.pretraining_runs()
    return {
        **plan.pretraining.facts().to_dict(),
        "train": int(split.train.size),
        "validation": int(split.validation.size),
        "epochs": runs[0].config.epochs,
        "trials": [run.key for run in runs],
    }


def _scored(
    columns: Sequence[Column], results: Mapping[str, TrialResult], plan: FinetunePlan, ledger: Ledger
) -> dict[str, TrialResult]:
    """Returns the results of the columns by key, with the figure that decides in their last epoch."""
    problem = replace(plan.problem, objective=plan.objective)
    keys = [run.key for column in columns for run in column.runs if run.key in results]
    return {key: scored(results[key], problem, ledger) for key in keys}


def _scores_of(
    column: Column, results: Mapping[str, TrialResult], objective: Objective
) -> dict[tuple[str, int], float]:
    return Candidate(None, column.runs[0].config, column.runs).scores(results, objective)
