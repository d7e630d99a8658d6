"""The winner once more with groups apart: trained where the random split shares something, else not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.options.search_options import SearchOptions
from search.strategies.preparation import Prepared
from search.strategies.split_worth import problem_apart, split_worth
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.snapshot import read_split_worth
from tests.search.makers import FakeTrainer, make_problem, make_stage_result
from trainables.trial import Trial, TrialConfig, TrialResult

CONFIG = TrialConfig(epochs=1)
WINNER = make_stage_result(winner=CONFIG)


class Trainer:
    """Trains trials of any problem: 0.9 on the random split, 0.75 with groups apart."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.trained = ledger, list[Trial]()

    def __call__(
        self, problem: Problem, search: object, label: object, trials: Sequence[Trial], keep: object
    ) -> dict[str, TrialResult]:
        self.trained += trials
        return FakeTrainer(problem, self.ledger, lambda trial: 0.75)(trials)


def prepared_with(problem: Problem, folder: Path) -> Prepared:
    ledger = Ledger(folder)
    FakeTrainer(problem, ledger, lambda trial: 0.9)([problem.trial(CONFIG, "random")])
    return Prepared(options=SearchOptions(), problem=problem, ledger=ledger)


def unknown(root: Path, **columns: Any) -> Problem:
    return make_problem(root, subject=None, **columns)


def test_winner_is_trained_once_more_with_groups_apart(tmp_path: Path) -> None:
    prepared = prepared_with(make_problem(tmp_path), tmp_path)
    trainer = Trainer(prepared.ledger)
    found = split_worth(prepared, WINNER, trainer)
    assert found is not None
    assert [(trial.config, trial.split) for trial in trainer.trained] == [(CONFIG, "apart")]
    assert (found.accuracy, found.apart, found.noun, found.known) == (0.9, 0.75, "groups", True)
    assert found.interval[0] < 0.75 < found.interval[1]
    assert read_split_worth(tmp_path) == found


def test_second_run_trains_nothing(tmp_path: Path) -> None:
    prepared = prepared_with(make_problem(tmp_path), tmp_path)
    first = split_worth(prepared, WINNER, Trainer(prepared.ledger))
    again = Trainer(prepared.ledger)
    assert split_worth(prepared, WINNER, again) == first
    assert again.trained == []


def test_split_apart_shares_no_group_and_validates_on_as_many_rows(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    apart = problem_apart(problem, None)
    assert apart is not None
    (random,), (split,) = problem.splits, apart.problem.splits
    assert random.shared_groups > 0
    assert split.shared_groups == 0
    assert len(split.validation) == pytest.approx(len(random.validation), abs=2)


@pytest.mark.parametrize("protocol", ["group", "kfold:2"])
def test_split_that_shares_no_group_is_worth_nothing(tmp_path: Path, protocol: str) -> None:
    assert problem_apart(make_problem(tmp_path, protocol), None) is None


def test_equal_files_stand_in_for_groups_that_are_unknown(tmp_path: Path) -> None:
    problem = unknown(tmp_path)
    assert problem_apart(problem, None) is None
    digests = tuple(f"{number // 4:032x}" for number in range(80))
    manifest = replace(problem.manifest, image_digests=digests)
    apart = problem_apart(replace(problem, manifest=manifest), tmp_path / "m.parquet")
    assert apart is not None
    assert (apart.noun, apart.known) == ("near-duplicates", False)
    (split,) = apart.problem.splits
    sides = [{digests[row] for row in rows} for rows in (split.train, split.validation)]
    assert not sides[0] & sides[1]


def test_groups_that_are_too_few_to_be_cut_are_left_alone(tmp_path: Path) -> None:
    few = make_problem(tmp_path, subject=[f"s{number % 4}" for number in range(80)])
    assert problem_apart(few, None) is None


def test_run_that_fails_tells_nothing(tmp_path: Path) -> None:
    prepared = prepared_with(make_problem(tmp_path), tmp_path)

    def fails(problem: Problem, *rest: Any) -> dict[str, TrialResult]:
        return FakeTrainer(problem, prepared.ledger, lambda trial: None)(rest[2])

    assert split_worth(prepared, WINNER, fails) is None
    assert read_split_worth(tmp_path) is None


def test_network_that_reads_images_is_not_trained_again(tmp_path: Path) -> None:
    prepared = prepared_with(make_problem(tmp_path), tmp_path)
    slow = make_stage_result(winner=replace(CONFIG, backbone="hassner"))
    assert split_worth(prepared, slow, Trainer(prepared.ledger)) is None


def test_word_for_groups_is_the_columns(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    named = replace(problem, manifest=replace(problem.manifest, group_kind="column person"))
    apart = problem_apart(named, None)
    assert apart is not None
    assert apart.noun == "people"
    assert np.array_equal(apart.problem.labels, problem.labels)
