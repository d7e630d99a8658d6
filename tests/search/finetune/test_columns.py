"""The final model of before as a way among those of now."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.storage.json_files import write_json
from search.final_model.writer import winning_run, write_final_model
from search.finetune.columns import EARLIER, earlier_column
from search.finetune.plan import FinetunePlan
from search.study.finetune_result import FinetuneResult, read_finetune
from search.study.layout import Layout
from search.study.setup import Problem
from tests.search.final_model.test_writer import Writer
from tests.search.finetune.test_runs import FakeWorkers, run
from trainables.trial import Trial

MakePlan = Callable[..., FinetunePlan]


def by_dropout(trial: Trial) -> float:
    """The more dropout the better."""
    return 0.6 + trial.config.dropout / 4 + trial.config.seed / 1000 + (0.05 if trial.start else 0)


@pytest.fixture
def workers(tmp_path: Path) -> FakeWorkers:
    return FakeWorkers(tmp_path / "study", by_dropout)


def finetuned(plan: FinetunePlan, workers: FakeWorkers) -> FinetuneResult:
    """Returns what fine-tuning finds, which the study keeps with its final model."""
    result = run(plan, workers)
    write_json(Layout(workers.study).finetune, result.to_dict())
    write_final_model(plan, result, workers.study, Writer())
    return result


def again(plan: FinetunePlan, problem: Problem, workers: FakeWorkers, dropout: float) -> FinetunePlan:
    """Returns the plan of another search's winner in the same study."""
    winner = replace(plan.winner, dropout=dropout)
    return replace(plan, winner=winner, earlier=earlier_column(problem, workers.study, plan.seeds))


def test_study_without_a_final_model_has_no_column(problem: Problem, tmp_path: Path) -> None:
    assert earlier_column(problem, tmp_path / "study", (7,)) is None


def test_better_final_model_stays_where_a_later_search_found_a_worse_one(
    make_plan: MakePlan, problem: Problem, workers: FakeWorkers
) -> None:
    first = make_plan(pretraining=None)
    finetuned(first, workers)
    plan = again(first, problem, workers, dropout=0.1)
    result = run(plan, workers)
    assert (result.winner, result.columns[-1].title) == (
        EARLIER,
        "final model so far: tuned, stage dropout",
    )
    assert "final model so far: tuned, stage dropout has the best mean" in result.statement
    assert winning_run(plan, result) == first.head_columns()[1].runs[0]


def test_better_one_takes_its_place(make_plan: MakePlan, problem: Problem, workers: FakeWorkers) -> None:
    first = make_plan(pretraining=None)
    finetuned(first, workers)
    result = run(again(first, problem, workers, dropout=0.9), workers)
    assert result.winner == "tuned"


def test_same_winner_again_is_no_column_of_its_own(
    make_plan: MakePlan, problem: Problem, workers: FakeWorkers
) -> None:
    plan = make_plan(pretraining=None)
    finetuned(plan, workers)
    assert [column.name for column in run(again(plan, problem, workers, 0.5), workers).columns] == [
        "untuned",
        "tuned",
    ]


def test_model_that_stays_keeps_its_name_and_its_pretraining(
    make_plan: MakePlan, problem: Problem, workers: FakeWorkers
) -> None:
    plan = make_plan()
    finetuned(plan, workers)
    for dropout in (0.1, 0.2):
        finetuned(again(replace(plan, pretraining=None), problem, workers, dropout), workers)
    found = read_finetune(workers.study)
    assert found is not None
    assert found.columns[-1].title == "final model so far: tuned, pretrained on CelebA, stage dropout"
    assert found.pretraining is not None
    assert found.pretraining["source"] == "celeba"


def test_runs_that_it_lacks_are_trained_with_the_others(
    make_plan: MakePlan, problem: Problem, workers: FakeWorkers
) -> None:
    finetuned(make_plan(pretraining=None, seeds=(7,)), workers)
    column = earlier_column(problem, workers.study, (7, 8))
    assert column is not None
    assert [run.config.seed for run in column.runs] == [7, 8]


def test_pretrained_model_of_other_seeds_is_said_to_give_way(
    make_plan: MakePlan, problem: Problem, workers: FakeWorkers
) -> None:
    finetuned(make_plan(seeds=(7,)), workers)
    with pytest.warns(UserWarning, match="with other seeds: it is not compared, and the best of now takes"):
        assert earlier_column(problem, workers.study, (7, 8)) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert earlier_column(problem, workers.study, (7,)) is not None
