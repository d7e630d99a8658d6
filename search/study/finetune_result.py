"""What fine-tuning found: a column a way to the final model, and which of them is best."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from data_prep.errors import InputError
from search.finetune.plan import Column
from search.statistics.selection import Selection
from search.study.ledger import Ledger
from search.study.setup import Problem
from trainables.trial import Trial, TrialResult, TrialStatus

FORMAT = 1
FILE_NAME = "finetune.json"
METRICS = ("accuracy", "val_accuracy", "loss", "val_loss", "auc")


@dataclass(frozen=True, kw_only=True)
class ColumnResult:
    """A column of the final table, last epoch, as mean and standard deviation over the runs.

    `figures` has a pair for each of METRICS; a deviation is None with fewer than two runs. The last four
    compare with the winner, as in `search.study.stage_results.Entry`.
    """

    name: str
    title: str
    config: Mapping[str, Any]
    start: str
    trials: tuple[str, ...]
    figures: Mapping[str, tuple[float | None, float | None]]
    seconds: float
    reason: str = ""
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    tied: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FinetuneResult:
    """What fine-tuning found, as it stands in `finetune.json`; `winner` names the column with the best mean.

    The verdict is of the last epoch's validation accuracy, by the rules of `search.statistics.selection`.
    """

    columns: tuple[ColumnResult, ...]
    winner: str | None
    verdict: str
    statement: str
    origin: str
    split: str
    seeds: tuple[int, ...]
    pretraining: Mapping[str, Any] | None
    breakdown: Mapping[str, Any] | None
    seconds: float
    finished_at: str  # ISO 8601, UTC

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FinetuneResult:
        """Returns what `to_dict` wrote; raises ValueError, KeyError or TypeError on anything else."""
        values = dict(values)
        if values.pop("format") != FORMAT:
            raise ValueError(f"this version reads format {FORMAT}")
        columns = tuple(
            ColumnResult(**{**column, "trials": tuple(column["trials"])}) for column in values["columns"]
        )
        return cls(**{**values, "columns": columns, "seeds": tuple(values["seeds"])})

    def column(self, name: str) -> ColumnResult | None:
        """Returns the column called `name`, None where it was not run."""
        return next((column for column in self.columns if column.name == name), None)


def _last(result: TrialResult | None) -> float:
    if result is None or result.status is not TrialStatus.COMPLETED:
        return math.nan
    return result.epochs[-1].val_accuracy


def read_finetune(folder: Path) -> FinetuneResult | None:
    """Returns what fine-tuning found in the study's folder, None where it has not run.

    Raises InputError where the file is damaged.
    """
    path = folder / FILE_NAME
    try:
        return FinetuneResult.from_dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged ({error}); remove it and run the stage again, which reuses its trials"
        ) from error


def scores_of(column: Column, results: Mapping[str, TrialResult]) -> dict[tuple[str, int], float]:
    return {(run.split, run.config.seed): _last(results.get(run.key)) for run in column.runs}


def column_results(
    problem: Problem,
    columns: Sequence[Column],
    selection: Selection,
    results: Mapping[str, TrialResult],
    ledger: Ledger,
) -> Iterator[ColumnResult]:
    for column, comparison in zip(columns, selection.comparisons, strict=True):
        ended = [results[run.key] for run in column.runs if run.key in results]
        completed = [result for result in ended if result.status is TrialStatus.COMPLETED]
        result = ColumnResult(
            name=column.name,
            title=column.title,
            config=column.runs[0].config.to_dict(),
            start=column.runs[0].start,
            trials=tuple(run.key for run in column.runs),
            figures={metric: _figure(metric, completed, problem, ledger) for metric in METRICS},
            seconds=math.fsum(result.seconds for result in ended),
            reason="; ".join(sorted({result.reason for result in ended if result.reason})),
        )
        if comparison:
            named = ("difference", "interval", "p_value", "tied")
            result = replace(result, **{name: getattr(comparison, name) for name in named})
        yield result


def _figure(
    metric: str, completed: Sequence[TrialResult], problem: Problem, ledger: Ledger
) -> tuple[float | None, float | None]:
    if metric == "auc":
        values = [area_under_curve(result.trial, problem, ledger) for result in completed]
    else:
        values = [getattr(result.epochs[-1], metric) for result in completed]
    if not values:
        return None, None
    return fmean(values), stdev(values) if len(values) > 1 else None


def area_under_curve(trial: Trial, problem: Problem, ledger: Ledger) -> float:
    """Returns the area under the receiver operating characteristic on the validation rows of the trial."""
    from sklearn.metrics import roc_auc_score  # slow: completion does without

    (rows,) = (split.validation for split in problem.splits if split.name == trial.split)
    return float(roc_auc_score(problem.labels[rows], ledger.predictions(trial)))
