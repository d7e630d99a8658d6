"""Candidates and their runs: paired by split and seed, and what is said of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.statistics.selection import select
from search.study.comparison import (
    Candidate,
    best_first,
    breakdown_of,
    each_once,
    entries_of,
    group_numbers,
    luck_of_winner,
    runs_of,
)
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.snapshot import SnapshotReader
from search.study.stage_results import Entry
from tests.search.makers import FakeTrainer, make_problem, make_result, make_trial
from trainables.trial import TrialConfig, TrialResult, TrialStatus


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


def candidate_of(problem: Problem, dropout: float, seeds: tuple[int, ...] = (7, 8)) -> Candidate:
    config = TrialConfig(dropout=dropout, epochs=1, seed=seeds[0])
    return Candidate(dropout, config, runs_of(config, problem, seeds))


def ended(candidate: Candidate, *accuracies: float | None) -> dict[str, TrialResult]:
    return {
        run.key: make_result(run, status=TrialStatus.FAILED, reason="diverged")
        if accuracy is None
        else make_result(run, accuracy)
        for run, accuracy in zip(candidate.runs, accuracies, strict=False)
    }


def entry_of(candidate: Candidate, results: dict[str, TrialResult], reused: tuple[str, ...] = ()) -> Entry:
    selection = select([candidate.scores(results)])
    (entry,) = entries_of([candidate], selection, results, reused)
    return entry


def test_runs_are_one_for_each_split_and_seed(tmp_path: Path) -> None:
    runs = runs_of(TrialConfig(), make_problem(tmp_path, "kfold:2"), (7, 8))
    assert [(run.split, run.config.seed) for run in runs] == [
        ("kfold-2-0", 7),
        ("kfold-2-0", 8),
        ("kfold-2-1", 7),
        ("kfold-2-1", 8),
    ]


def test_each_once_puts_the_same_seed_of_all_candidates_together(problem: Problem) -> None:
    candidates = [candidate_of(problem, 0.0), candidate_of(problem, 0.5), candidate_of(problem, 0.0)]
    assert [(run.config.seed, run.config.dropout) for run in each_once(candidates)] == [
        (7, 0.0),
        (7, 0.5),
        (8, 0.0),
        (8, 0.5),
    ]


def test_scores_go_by_split_and_seed_with_nan_for_what_did_not_complete(problem: Problem) -> None:
    candidate = candidate_of(problem, 0.0, (7, 8, 9))
    scores = candidate.scores(ended(candidate, 0.5, None))
    assert list(scores) == [("random", 7), ("random", 8), ("random", 9)]
    assert scores["random", 7] == 0.5
    assert math.isnan(scores["random", 8])
    assert math.isnan(scores["random", 9])


def test_score_of_a_stopped_run_does_not_count(problem: Problem) -> None:
    candidate = candidate_of(problem, 0.0, (7,))
    stopped = make_result(candidate.runs[0], 0.9, status=TrialStatus.STOPPED)
    assert math.isnan(candidate.scores({stopped.trial.key: stopped})["random", 7])


def test_entry_of_finished_runs(problem: Problem) -> None:
    candidate = candidate_of(problem, 0.0)
    entry = entry_of(candidate, ended(candidate, 0.5, 0.75), (candidate.runs[1].key,))
    assert (entry.mean, entry.best_val_accuracy, entry.best_epoch) == (0.625, 0.75, 1)
    assert entry.spread == pytest.approx(0.25 / math.sqrt(2))
    assert (entry.status, entry.seconds, entry.reason) == ("COMPLETED", 2.0, "")
    assert entry.trials == tuple(run.key for run in candidate.runs)
    assert entry.reused == (candidate.runs[1].key,)


def test_entry_counts_the_epochs_of_one_class_and_averages_the_accuracy_at_inference(
    problem: Problem,
) -> None:
    candidate = candidate_of(problem, 0.5)
    results = ended(candidate, 0.5, 0.7)
    for run, accuracy, one_class in zip(candidate.runs, (0.6, 0.8), (True, False), strict=True):
        (epoch,) = results[run.key].epochs
        told = replace(epoch, train_accuracy_at_inference=accuracy, val_one_class=one_class)
        results[run.key] = replace(results[run.key], epochs=(told,))
    entry = entry_of(candidate, results)
    assert entry.train_accuracy_at_inference == pytest.approx(0.7)
    assert entry.one_class_remark == "one class only in 1 of 2 epochs"


def test_entry_of_runs_of_an_earlier_version_does_not_know_what_they_did_not_tell(problem: Problem) -> None:
    candidate = candidate_of(problem, 0.5)
    entry = entry_of(candidate, ended(candidate, 0.5, 0.7))
    assert (entry.train_accuracy_at_inference, entry.one_class_epochs) == (None, None)


def test_entry_of_one_run_has_no_spread(problem: Problem) -> None:
    candidate = candidate_of(problem, 0.0, (7,))
    assert math.isnan(entry_of(candidate, ended(candidate, 0.5)).spread)


def test_entry_with_a_failed_run_is_failed_with_its_reason(problem: Problem) -> None:
    candidate = candidate_of(problem, 0.0)
    entry = entry_of(candidate, ended(candidate, 0.5, None))
    assert (entry.status, entry.reason, entry.mean) == ("FAILED", "diverged", 0.5)


def test_entry_whose_runs_were_cut_off_is_not_completed(problem: Problem) -> None:
    candidate = candidate_of(problem, 0.0)
    for results in ({}, ended(candidate, 0.5)):
        entry = entry_of(candidate, results)
        assert (entry.status, entry.reason) == ("STOPPED", "the time was up before all its runs ended")


def test_entries_carry_the_comparison_with_the_winner(problem: Problem) -> None:
    best, other = candidates = [candidate_of(problem, 0.0, (7, 8, 9)), candidate_of(problem, 0.5, (7, 8, 9))]
    results = {**ended(best, 0.9, 0.8, 0.7), **ended(other, 0.8, 0.6, 0.65)}
    selection = select([candidate.scores(results) for candidate in candidates])
    won, compared = entries_of(candidates, selection, results, ())
    assert (won.difference, won.interval, won.p_value, won.tied) == (None, None, None, None)
    assert compared.difference == pytest.approx((0.1 + 0.2 + 0.05) / 3)
    assert compared.tied is True
    assert compared.interval is not None
    assert compared.interval[0] < 0 < compared.interval[1]


def test_breakdown_is_of_the_first_seed_over_all_splits(tmp_path: Path) -> None:
    problem = make_problem(tmp_path, "kfold:2", age=["(4, 6)", None] * 40)
    ledger = Ledger(tmp_path)
    runs = runs_of(TrialConfig(), problem, (7, 8))
    FakeTrainer(problem, ledger, lambda trial: 0.5)(runs)
    found = breakdown_of(runs, problem, ledger)
    rows = np.concatenate([split.validation for split in problem.splits])
    ones = int(problem.labels[rows].sum())
    assert found["n"] == len(rows)
    assert found["confusion"] == [[0, len(rows) - ones], [0, ones]]  # all said to be 1, with 0.75


def test_luck_of_the_winner_is_the_same_in_whatever_order_trials_ended(problem: Problem) -> None:
    ledger, rng, results = Ledger(problem.manifest.root), np.random.default_rng(3), {}
    for dropout in (0.0, 0.1, 0.2, 0.3):
        (run,) = candidate_of(problem, dropout, seeds=(7,)).runs
        ledger.record(make_result(run, 0.5), rng.random(len(problem.splits[0].validation)))
        results[run.key] = make_result(run, 0.5)
    turned = dict(reversed(results.items()))
    assert luck_of_winner(results, problem, ledger) == luck_of_winner(turned, problem, ledger)


def test_group_numbers_are_of_the_kind_that_the_data_has(tmp_path: Path) -> None:
    subjects = [None, *(f"{row // 4}/{row // 2}" for row in range(1, 80))]
    problem = make_problem(tmp_path, subject=subjects)
    rows = np.arange(80)
    faces = group_numbers(problem, rows)
    users = group_numbers(replace(problem, manifest=replace(problem.manifest, group_kind="user")), rows)
    assert (len(set(faces)), len(set(users))) == (41, 21)  # the one without a group is one by itself
    assert users[4] == users[7] != users[8]


def test_best_configurations_are_the_winner_and_then_the_best_means(make_study: Callable[..., Path]) -> None:
    folder = make_study(stages=("dropout",), epochs=2)
    won = SnapshotReader(folder).read().staged[0].winner
    for dropout, accuracies in ((0.31, (0.6, 0.6)), (0.32, (0.99, 0.5)), (0.33, ())):
        for seed, accuracy in enumerate(accuracies):
            Ledger(folder).record(make_result(make_trial(dropout=dropout, seed=seed), accuracy))
    Ledger(folder).record(make_result(replace(make_trial(dropout=0.34), start="of-another"), 1.0))
    Ledger(folder).record(make_result(make_trial(dropout=0.35), 1.0, status=TrialStatus.STOPPED))
    found = [config.dropout for config in best_first(SnapshotReader(folder).read())]
    assert won
    assert found[0] == won.dropout
    assert [dropout for dropout in found if 0.3 < dropout < 0.4] == [0.32, 0.31]
