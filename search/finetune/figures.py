"""Figures of the ways to a final model: those of each column, over its runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev

from search.finetune.columns import Column
from search.finetune.plan import FinetunePlan
from search.statistics.selection import Selection
from search.study.comparison import compared
from search.study.finetune_result import ColumnResult, metrics_of
from search.study.ledger import Ledger
from search.study.setup import Problem
from trainables.objective import probability_figure
from trainables.trial import Trial, TrialResult, TrialStatus


def column_results(
    plan: FinetunePlan,
    columns: Sequence[Column],
    selection: Selection,
    results: Mapping[str, TrialResult],
    ledger: Ledger,
) -> Iterator[ColumnResult]:
    """Yields the figures of each of `columns`, and how it compares with the winner of `selection`."""
    for column, comparison in zip(columns, selection.comparisons, strict=True):
        ended = [results[run.key] for run in column.runs if run.key in results]
        yield replace(column_result(column, ended, plan, ledger), **compared(comparison))


def column_result(
    column: Column, ended: Sequence[TrialResult], plan: FinetunePlan, ledger: Ledger
) -> ColumnResult:
    """Returns the figures of a column, of whose runs these have ended; it is not compared yet."""
    completed = [result for result in ended if result.status is TrialStatus.COMPLETED]
    metrics = metrics_of(plan.objective)
    return ColumnResult(
        name=column.name,
        title=column.title,
        config=column.runs[0].config.to_dict(),
        start=column.runs[0].start,
        trials=tuple(run.key for run in column.runs),
        figures={metric: _figure(metric, completed, plan.problem, ledger) for metric in metrics},
        seconds=math.fsum(result.seconds for result in ended),
        reason="; ".join(sorted({result.reason for result in ended if result.reason})),
    )


def _figure(
    metric: str, completed: Sequence[TrialResult], problem: Problem, ledger: Ledger
) -> tuple[float | None, float | None]:
    if metric == "auc":
        values = [area_under_curve(result.trial, problem, ledger) for result in completed]
    else:
        values = [getattr(result.epochs[-1], metric) for result in completed]
    if not values:
        return None, None
    return fmean(values), stdev(values) if len(values) > 1 else None  # one run has no spread


def area_under_curve(trial: Trial, problem: Problem, ledger: Ledger) -> float:
    """Returns the area under the receiver operating characteristic on the validation rows of the trial."""
    labels = problem.labels[problem.validation_rows[trial.split]]
    return probability_figure("auc", labels, ledger.predictions(trial))
