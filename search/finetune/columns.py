"""Columns of fine-tuning: the ways to the final model; one that a study has already is among them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_prep.storage.remote import is_file
from search.study.finetune_result import ColumnResult, FinetuneResult, read_finetune
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from trainables.trial import Trial, TrialConfig

EARLIER = "earlier"
LINEAR = "linear"  # the column, and the start of its runs, which no trial trains


@dataclass(frozen=True, eq=False)
class Column:
    """A way to the final model: its runs, a trial for each split and seed.

    `keep` says that their weights are needed afterwards. `pretraining` is of images that the plan does not
    have: those of an earlier run.
    """

    name: str
    title: str
    runs: tuple[Trial, ...]
    keep: bool = False
    pretraining: Mapping[str, Any] | None = None


def earlier_column(problem: Problem, folder: Path, seeds: Sequence[int]) -> Column | None:
    """Returns the column of the final model in the study in `folder`, None where there is none.

    Without it a model that is better than all that is trained now would give way to a worse one. Its missing
    runs are to be trained, where nothing else has to be trained before them. Raises InputError where what
    fine-tuning found before is damaged.
    """
    found = read_finetune(folder)
    column = found.column(found.winner or "") if found else None
    # no trial trains the linear classifier
    if not found or not column or column.start == LINEAR or not is_file(Layout(folder).model):
        return None
    runs = _runs(column, problem, folder, seeds)
    if runs is None:
        warnings.warn(
            f"the final model of before ({column.title}) started from other weights with other seeds: it is "
            "not compared, and the best of now takes its place; --repeats as before compares it",
            stacklevel=2,
        )
        return None
    return Column(EARLIER, _title(column, found), runs, pretraining=found.pretraining)


def _runs(
    column: ColumnResult, problem: Problem, folder: Path, seeds: Sequence[int]
) -> tuple[Trial, ...] | None:
    ledger = Ledger(folder, moves_damaged=False)
    ended = [result.trial for result in map(ledger.find_key, column.trials) if result]
    there = {(trial.split, trial.config.seed): trial for trial in ended}
    wanted = [(split.name, seed) for split in problem.splits for seed in seeds]
    if column.start and not there.keys() >= {*wanted}:
        return None
    config = TrialConfig.from_dict(column.config)
    return tuple(
        there.get((split, seed)) or problem.trial(replace(config, seed=seed), split) for split, seed in wanted
    )


def _title(column: ColumnResult, found: FinetuneResult) -> str:
    return column.title if column.name == EARLIER else f"final model so far: {column.title}, {found.origin}"
