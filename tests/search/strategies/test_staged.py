"""A stage: what it trains, what it takes from the ledger, who wins, and what a reader is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search.space.stages import Stage
from search.strategies.staged import StagePlan, run_stage
from search.study.ledger import Ledger, finished_trials
from search.study.setup import Problem
from search.study.stage_results import StageResult
from tests.search.makers import FakeTrainer, make_problem, make_result
from trainables.trial import Trial, TrialConfig, TrialStatus

DROPOUT = Stage(name="dropout", hyperparameter="dropout", values=(0.0, 0.25, 0.5))
ACCURACIES = {0.0: 0.5, 0.25: 0.75, 0.5: 0.625}

Accuracy = Callable[[Trial], float | None]


def by_dropout(trial: Trial) -> float | None:
    return ACCURACIES[trial.config.dropout]


def never(trial: Trial) -> float | None:
    return None


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "study")


def plan_of(problem: Problem, *seeds: int, race_to: int | None = None, stage: Stage = DROPOUT) -> StagePlan:
    seeds = seeds or (7,)
    base = TrialConfig(epochs=2, seed=seeds[0])
    return StagePlan(stage, base, {"batch_size": "default"}, problem, seeds, race_to=race_to)


def run(plan: StagePlan, ledger: Ledger, accuracy: Accuracy = by_dropout) -> tuple[StageResult, FakeTrainer]:
    trainer = FakeTrainer(plan.problem, ledger, accuracy)
    return run_stage(plan, ledger, trainer), trainer


def test_stage_trains_every_value_once_and_names_the_best(problem: Problem, ledger: Ledger) -> None:
    result, trainer = run(plan_of(problem), ledger)
    assert [trial.config.dropout for trial in trainer.trained] == [0.0, 0.25, 0.5]
    assert result.winner == TrialConfig(epochs=2, dropout=0.25)
    assert [(entry.value, entry.mean) for entry in result.entries] == list(ACCURACIES.items())


def test_stage_with_one_run_each_makes_no_statement(problem: Problem, ledger: Ledger) -> None:
    result, _ = run(plan_of(problem), ledger)
    assert result.verdict == "single"
    assert result.statement.startswith("0.25 has the best value; one run each, so it may be chance")


def test_stage_that_is_clear_says_so(problem: Problem, ledger: Ledger) -> None:
    def nearly(trial: Trial) -> float:
        return ACCURACIES[trial.config.dropout] + 0.001 * (trial.config.seed % 3) * trial.config.dropout

    result, _ = run(plan_of(problem, 7, 8, 9, 10), ledger, nearly)
    assert result.verdict == "clear"
    assert all(entry.tied is False for entry in result.entries if entry.config != result.winner)


def test_stage_records_how_it_compared(problem: Problem, ledger: Ledger) -> None:
    result, _ = run(plan_of(problem, 7, 8), ledger)
    assert (result.stage, result.hyperparameter, result.sweep) == ("dropout", "dropout", 1)
    assert (result.protocol.split, result.protocol.splits) == ("random", ("random",))
    assert (result.protocol.seeds, result.protocol.level) == ((7, 8), 0.05)
    assert result.taken_over == {"batch_size": "default"}
    assert result.base == TrialConfig(epochs=2)


def test_stage_pairs_seeds_and_splits_across_values(tmp_path: Path, ledger: Ledger) -> None:
    _, trainer = run(plan_of(make_problem(tmp_path, "kfold:2"), 7, 8), ledger)
    runs = {
        dropout: {(t.split, t.config.seed) for t in trainer.trained if t.config.dropout == dropout}
        for dropout in DROPOUT.values
    }
    assert len(trainer.trained) == 3 * 2 * 2
    assert len({frozenset(of_value) for of_value in runs.values()}) == 1


def test_stage_run_again_trains_nothing_and_marks_everything_reused(problem: Problem, ledger: Ledger) -> None:
    first, _ = run(plan_of(problem, 7, 8), ledger)
    second, trainer = run(plan_of(problem, 7, 8), ledger)
    assert trainer.trained == []
    assert [entry.reused for entry in first.entries] == [(), (), ()]
    assert [entry.reused for entry in second.entries] == [entry.trials for entry in second.entries]
    assert (second.winner, second.statement) == (first.winner, first.statement)


def test_stage_trains_only_what_is_missing(problem: Problem, ledger: Ledger) -> None:
    plan = plan_of(problem)
    ledger.record(make_result(plan.trials()[0], 0.5, 0.5))
    result, trainer = run(plan, ledger)
    assert [trial.config.dropout for trial in trainer.trained] == [0.25, 0.5]
    assert [bool(entry.reused) for entry in result.entries] == [True, False, False]


def test_stage_shares_trials_with_other_stages(problem: Problem, ledger: Ledger) -> None:
    run(plan_of(problem), ledger)
    l2 = Stage(name="l2", hyperparameter="l2", values=(0.0, 0.01))
    result, trainer = run(plan_of(problem, stage=l2), ledger, lambda trial: 0.5)
    assert [trial.config.l2 for trial in trainer.trained] == [0.01]
    assert [bool(entry.reused) for entry in result.entries] == [True, False]


def test_stage_trains_again_what_a_scheduler_stopped(problem: Problem, ledger: Ledger) -> None:
    plan = plan_of(problem)
    ledger.record(make_result(plan.trials()[0], 0.9, status=TrialStatus.STOPPED))
    assert finished_trials(plan.trials(), ledger) == {}
    result, trainer = run(plan, ledger)
    assert len(trainer.trained) == 3
    assert result.entries[0].status == "COMPLETED"


def test_stage_does_not_train_again_what_failed(problem: Problem, ledger: Ledger) -> None:
    run(plan_of(problem), ledger, never)
    result, trainer = run(plan_of(problem), ledger)
    assert trainer.trained == []
    assert {entry.status for entry in result.entries} == {"FAILED"}


def test_failed_value_cannot_win(problem: Problem, ledger: Ledger) -> None:
    result, _ = run(plan_of(problem), ledger, lambda trial: None if trial.config.dropout == 0.25 else 0.5)
    assert result.winner
    assert result.winner.dropout == 0.0
    assert (result.entries[1].status, result.entries[1].reason) == ("FAILED", "the loss is nan in epoch 1")
    assert result.statement.endswith("1 failed and was not compared")


def test_value_with_one_failed_seed_cannot_win(problem: Problem, ledger: Ledger) -> None:
    def accuracy(trial: Trial) -> float | None:
        return None if (trial.config.dropout, trial.config.seed) == (0.25, 8) else by_dropout(trial)

    result, _ = run(plan_of(problem, 7, 8), ledger, accuracy)
    assert result.winner
    assert result.winner.dropout == 0.5


def test_stage_where_everything_failed_has_no_winner(problem: Problem, ledger: Ledger) -> None:
    result, _ = run(plan_of(problem), ledger, never)
    assert (result.winner, result.verdict, result.breakdown) == (None, "none", None)
    assert result.statement == "nothing finished, so there is no winner"


def test_stage_breaks_the_errors_of_the_winner_down(problem: Problem, ledger: Ledger) -> None:
    result, _ = run(plan_of(problem, 7, 8), ledger)
    assert result.breakdown
    assert result.breakdown["n"] == len(problem.splits[0].validation)
    assert result.breakdown["confusion"] == [[0, 8], [0, 8]]


def test_stage_asked_again_keeps_the_breakdown_of_the_same_runs_alone(
    problem: Problem, ledger: Ledger
) -> None:
    plan, trainer = plan_of(problem), FakeTrainer(problem, ledger, by_dropout)
    first = run_stage(plan, ledger, trainer)
    marked = replace(first, breakdown={"n": "kept"})
    assert run_stage(plan, ledger, trainer, marked).breakdown == {"n": "kept"}
    ordered = plan_of(replace(problem, ordered=True))
    assert (run_stage(ordered, ledger, trainer, marked).breakdown or {})["one_off"] == 1.0
    more = run_stage(plan_of(problem, 7, 8), ledger, trainer, marked)
    assert more.breakdown == first.breakdown


def test_label_names_value_seed_and_split_where_they_differ(tmp_path: Path, problem: Problem) -> None:
    one, repeated = plan_of(problem), plan_of(problem, 7, 8)
    folds = plan_of(make_problem(tmp_path, "kfold:2"))
    assert one.label(one.trials()[1]) == "0.25"
    assert repeated.label(repeated.trials()[1]) == "0.25, seed 7"
    assert folds.label(folds.trials()[0]) == "0, kfold-2-0"


def test_race_gives_more_seeds_only_to_those_not_told_apart(problem: Problem, ledger: Ledger) -> None:
    def accuracy(trial: Trial) -> float:
        noise = 0.01 * (trial.config.seed * 7 % 5)
        return {0.0: 0.3, 0.25: 0.75, 0.5: 0.745}[trial.config.dropout] + noise * (1 + trial.config.dropout)

    result, trainer = run(plan_of(problem, 7, 8, 9, race_to=6), ledger, accuracy)
    runs = {
        dropout: sorted(t.config.seed for t in trainer.trained if t.config.dropout == dropout)
        for dropout in DROPOUT.values
    }
    assert runs[0.0] == [7, 8, 9]
    assert runs[0.25] == runs[0.5] == [7, 8, 9, 10, 11, 12]
    assert result.protocol.seeds == (7, 8, 9, 10, 11, 12)
    assert result.winner
    assert result.winner.dropout in (0.25, 0.5)


def test_race_that_is_run_again_trains_nothing(problem: Problem, ledger: Ledger) -> None:
    plan = plan_of(problem, 7, 8, 9, race_to=5)
    first, _ = run(plan, ledger, lambda trial: 0.5)
    second, trainer = run(plan, ledger)
    assert trainer.trained == []
    assert first.statement == second.statement
    assert [entry.reused for entry in second.entries] == [entry.trials for entry in second.entries]


def test_race_where_everything_failed_ends(problem: Problem, ledger: Ledger) -> None:
    result, trainer = run(plan_of(problem, 7, 8, 9, race_to=6), ledger, never)
    assert len(trainer.trained) == 9
    assert result.winner is None
