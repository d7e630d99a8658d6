"""Ablation of a joint search's winner tells which of its values matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from search.space.joint_space import Space
from search.strategies.ablation import ablate, ablation_note
from search.strategies.joint_plan import JointPlan
from search.strategies.trial_runs import TrialRuns
from search.study.comparison import Candidate, runs_of
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import Ablation, JointResult, result_from_dict
from tests.search.makers import FakeTrainer, make_joint_result, make_problem
from trainables.trial import Trial, TrialConfig

BASE = TrialConfig(epochs=2)
SPACE: Space = {"learning_rate": (0.001, 0.0003), "dropout": (0.0, 0.5), "batch_size": (8, 32)}
WINNER = replace(BASE, learning_rate=0.0003, dropout=0.5, seed=8)


def accuracy(trial: Trial) -> float | None:
    """Learning rate matters much, the dropout rate not at all; a little differs by the run."""
    better = 0.1 * (trial.config.learning_rate == 0.0003)
    return 0.7 + better + trial.config.seed * (0.001 + 0.0001 * trial.config.dropout) + 0.0001 * better


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


def ablated(problem: Problem, folder: Path, repeats: int = 6) -> tuple[tuple[Ablation, ...], FakeTrainer]:
    ledger = Ledger(folder)
    plan = JointPlan(
        problem=problem,
        base=BASE,
        taken_over={},
        space=SPACE,
        search="grid",
        scheduler="none",
        samples=None,
        time_budget_s=None,
        repeats=repeats,
    )
    trainer = FakeTrainer(problem, ledger, accuracy)
    runs = TrialRuns(ledger, trainer, problem)
    winner = Candidate(None, WINNER, runs_of(WINNER, problem, range(8, 8 + repeats)))
    runs.of(winner.runs)
    trainer.asked.clear()
    return ablate(plan, winner, runs), trainer


def test_ablation_takes_each_changed_value_back_with_the_winners_seeds(
    problem: Problem, tmp_path: Path
) -> None:
    found, trainer = ablated(problem, tmp_path)
    assert [(each.hyperparameter, each.value, each.default) for each in found] == [
        ("learning_rate", 0.0003, 0.001),
        ("dropout", 0.5, 0.0),
    ]
    assert {trial.config.seed for trial in trainer.trained} == set(range(8, 14))
    assert len(trainer.trained) == 12


def test_ablation_note_says_what_matters(problem: Problem, tmp_path: Path) -> None:
    found, _ = ablated(problem, tmp_path)
    assert found[0].tied is False
    assert found[0].difference == pytest.approx(0.1, abs=0.001)
    assert ablation_note(found).startswith(
        "each value back to its default, one at a time: what matters of the winner: learning rate 0.0003 is "
        "better by 0.1"
    )


@pytest.mark.parametrize(
    ("difference", "tied", "said"),
    [(0.01, True, "no difference was found for dropout"), (-0.01, False, "better at the default: dropout")],
)
def test_ablation_note_of_a_value_that_does_not_help(difference: float, tied: bool, said: str) -> None:
    worth = Ablation(
        hyperparameter="dropout",
        value=0.5,
        default=0.0,
        difference=difference,
        interval=None,
        p_value=0.5,
        tied=tied,
    )
    assert ablation_note([worth]).endswith(said)


def test_ablation_stands_in_the_file_of_the_joint_search(problem: Problem, tmp_path: Path) -> None:
    found, _ = ablated(problem, tmp_path)
    read = result_from_dict(make_joint_result(ablation=found).to_dict())
    assert isinstance(read, JointResult)
    assert read.ablation == found
