"""Fine-tuning as it runs: its result is kept, and the winner becomes the final model with its card."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from data_prep.storage.json_files import write_json
from search.final_model.card_facts import card_facts
from search.final_model.model_card import write_model_card
from search.final_model.writer import winning_run, write_final_model
from search.finetune.columns import LINEAR
from search.finetune.linear_head import Fit, with_linear
from search.finetune.plan import FinetunePlan
from search.finetune.runs import BaselinesOf, require_weights, run_finetune
from search.options.run_groups import BEST
from search.statistics.calibration import Calibration, calibrate
from search.study.comparison import group_numbers
from search.study.finetune_result import FinetuneResult
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.setup import Problem
from trainables.trial import Trial, TrialResult


class Pool(Protocol):
    """Workers for trials of any problem, and for the model: `search.ray_tune.workers.WorkerPool`."""

    def train(
        self,
        problem: Problem,
        search: SearchId,
        label: Callable[[Trial], str],
        trials: Sequence[Trial],
        keep: Collection[str],
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of those that ended; the weights of those in `keep` outlast them."""

    def write_model(
        self, config: Mapping[str, object], weights: str, kept: Path, path: Path, temperature: float
    ) -> None:
        """Writes the model of a configuration at `path`, from its `kept` weights; see `deployed_model`."""


def finetune(
    plan: FinetunePlan,
    ledger: Ledger,
    pool: Pool,
    command: str,
    baselines: BaselinesOf = lambda backbone: (),
    fit: Fit = lambda backbone, split: None,
) -> FinetuneResult:
    """Trains the columns of `plan` in the study of `ledger` and returns what they found.

    The result is kept; with a winner the final model and its card are written. `command` repeats the run,
    `baselines` are what the ways are compared with, `fit` fits the linear classifier.
    """

    def trains(
        problem: Problem, search: SearchId, trials: Sequence[Trial], keep: Collection[str]
    ) -> Mapping[str, TrialResult]:
        return pool.train(problem, search, plan.label, trials, keep)

    result = run_finetune(plan, ledger, trains, baselines)
    if plan.final_model == BEST:
        result = with_linear(result, plan, ledger, fit)
    if result.winner:
        result = replace(result, calibration=_calibration(winning_run(plan, result), plan.problem, ledger))
    write_json(Layout(ledger.folder).finetune, result.to_dict())
    if result.winner:
        # the ledger alone keeps no weights: a winner whose weights are gone is trained once more
        if result.winner != LINEAR:
            require_weights(plan, winning_run(plan, result), ledger, trains)
        path = write_final_model(plan, result, ledger.folder, pool.write_model)
        write_model_card(path.parent, card_facts(plan, result, ledger, command))
    return result


def _calibration(run: Trial, problem: Problem, ledger: Ledger) -> Calibration:
    """Returns the calibration of a run on its validation rows."""
    rows = problem.validation_rows[run.split]
    return calibrate(problem.labels[rows], ledger.predictions(run), group_numbers(problem, rows))
