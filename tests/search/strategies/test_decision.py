"""Decisions repeat what was asked, say who won, and note what a reader must know."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from search.space.stages import STAGES
from search.strategies.decision import decide, notes_on
from search.strategies.staged import StagePlan
from search.strategies.trial_runs import TrialRuns
from search.study.comparison import each_once
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import StageResult
from tests.search.makers import FakeTrainer, make_problem
from trainables.trial import TrialConfig

KIND = partial(StageResult, stage="dropout", hyperparameter="dropout")


def decided(problem: Problem, ledger: Ledger, *seeds: int, fails: float | None = None) -> StageResult:
    """Returns the decision among the dropout rates, of which the highest is the best."""
    plan = StagePlan(STAGES["dropout"], TrialConfig(epochs=2), {"l2": "given"}, problem, seeds)
    trainer = FakeTrainer(
        problem,
        ledger,
        lambda trial: None if trial.config.dropout == fails else 0.5 + trial.config.dropout / 2,
    )
    runs = TrialRuns(ledger, trainer, problem)
    runs.of(each_once(plan.candidates()))
    return decide(plan, plan.candidates(), runs, kind=KIND)


def test_decision_repeats_what_was_asked(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    result = decided(problem, Ledger(tmp_path), 7, 8)
    assert (result.base, result.taken_over) == (TrialConfig(epochs=2), {"l2": "given"})
    assert (result.protocol.split, result.protocol.splits) == ("random", ("random",))
    assert (result.protocol.seeds, result.protocol.level) == ((7, 8), 0.05)


def test_decision_names_the_best_and_breaks_its_errors_down(tmp_path: Path) -> None:
    result = decided(make_problem(tmp_path), Ledger(tmp_path), 7)
    assert result.winner == TrialConfig(epochs=2, dropout=0.5)
    assert [entry.value for entry in result.entries] == list(STAGES["dropout"].values)
    assert result.statement.startswith("0.5 has the best value")
    assert result.breakdown


def test_decision_where_the_best_failed_is_for_the_second(tmp_path: Path) -> None:
    result = decided(make_problem(tmp_path), Ledger(tmp_path), 7, fails=0.5)
    assert result.winner == TrialConfig(epochs=2, dropout=0.4)
    assert result.entries[-1].status == "FAILED"


def notes(problem: Problem, *configs: TrialConfig) -> str:
    return "\n".join(notes_on(problem, configs or (TrialConfig(),)))


@pytest.mark.parametrize(
    ("columns", "weights", "said"),
    [
        ({"source": "sample"}, "none", "The data is drawn by a program"),
        ({}, "none", "The backbones have random weights, not ImageNet's."),
        ({}, "imagenet", "photos on both sides, so the accuracy is higher than on new groups"),
        ({}, "imagenet", "split random: 64 train, 16 validation"),
    ],
)
def test_notes_say(tmp_path: Path, columns: dict[str, str], weights: str, said: str) -> None:
    assert said in notes(make_problem(tmp_path, weights=weights, **columns))


@pytest.mark.parametrize("silent", ["drawn", "random weights", "Batch size"])
def test_notes_are_silent_where_nothing_is_to_say(tmp_path: Path, silent: str) -> None:
    assert silent not in notes(make_problem(tmp_path, weights="imagenet"))


def test_notes_say_that_no_group_is_on_both_sides(tmp_path: Path) -> None:
    assert "no known group is on both sides" in notes(make_problem(tmp_path, "subject"))


def test_notes_describe_every_split_and_say_once_what_is_true_of_several(tmp_path: Path) -> None:
    problem = make_problem(tmp_path, "folds")
    said = [line for line in notes(problem).splitlines() if line.startswith("split")]
    assert said[0].startswith("splits fold-0, fold-1, fold-2, fold-3, fold-4: 50 train, 14 validation, ")
    assert len(said) == 1
    other = replace(problem.splits[1], train=problem.splits[1].train[:-1])
    said = notes(replace(problem, splits=(problem.splits[0], other))).splitlines()
    assert [line.partition(":")[0] for line in said if line.startswith("split")] == [
        "split fold-0",
        "split fold-1",
    ]


def test_notes_say_what_batches_of_2_to_4_mean_for_batch_norm(tmp_path: Path) -> None:
    said = "Batch sizes from 2 to 4: in training BatchNorm normalises with the means of so few examples"
    assert said in notes(make_problem(tmp_path), TrialConfig(batch_size=4))
    assert said not in notes(make_problem(tmp_path), TrialConfig(batch_size=1), TrialConfig(batch_size=8))


def test_notes_say_that_batch_size_1_trains_nothing(tmp_path: Path) -> None:
    configs = STAGES["batch_size"].configs(TrialConfig())
    assert "Batch size 1 trains nothing: with one example, BatchNorm" in notes(
        make_problem(tmp_path), *configs
    )


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (TrialConfig(epochs=20), "still hold 67 % of their start values"),
        (TrialConfig(epochs=20, bn_statistics="exact"), ""),
        (TrialConfig(epochs=20, normalisation="none"), ""),
        (TrialConfig(epochs=200), ""),
    ],
)
def test_few_steps_are_noted_where_running_averages_are_kept(
    tmp_path: Path, config: TrialConfig, told: str
) -> None:
    said = notes(make_problem(tmp_path), config)  # 64 rows train: two steps an epoch
    assert ("running averages" in said) is bool(told)
    assert told in said


@pytest.mark.parametrize(("protocol", "claimed"), [("random", False), ("group", True)])
def test_clear_winner_of_a_split_that_shares_groups_is_not_claimed_for_new_ones(
    tmp_path: Path, protocol: str, claimed: bool
) -> None:
    result = decided(make_problem(tmp_path, protocol), Ledger(tmp_path), *range(7, 15))
    assert result.verdict == "clear"
    scope = "; groups are on both sides of the split, so nothing is claimed for new groups"
    assert result.statement.endswith(scope) is not claimed
