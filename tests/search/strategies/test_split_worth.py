"""The winner once more with groups apart: trained where the random split shares something, else not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import search.strategies.split_worth as module
from search.options.search_options import SearchOptions
from search.strategies.preparation import Prepared
from search.strategies.split_worth import shortened, split_worth
from search.study.layout import Layout
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
    Layout(tmp_path).split_worth.write_text("{")
    assert split_worth(prepared, WINNER, again) == first
    assert read_split_worth(tmp_path) == first
    assert again.trained == []


def test_second_run_of_the_same_winner_compares_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepared_with(make_problem(tmp_path), tmp_path)
    first = split_worth(prepared, WINNER, Trainer(prepared.ledger))
    monkeypatch.setattr(module, "shared_kept_apart", lambda *_: None)
    assert split_worth(prepared, WINNER, Trainer(prepared.ledger)) == first
    other = make_stage_result(winner=replace(CONFIG, learning_rate=0.01))
    assert split_worth(prepared, other, Trainer(prepared.ledger)) is None


def test_long_training_is_compared_after_its_first_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_STEPS", 5)  # two steps an epoch
    problem, config = make_problem(tmp_path), replace(CONFIG, epochs=3)
    ledger = Ledger(tmp_path)
    FakeTrainer(problem, ledger, lambda trial: 0.9)([problem.trial(config, "random")])
    trainer = Trainer(ledger)
    prepared = Prepared(options=SearchOptions(), problem=problem, ledger=ledger)
    found = split_worth(prepared, make_stage_result(winner=config), trainer)
    assert [trial.config.epochs for trial in trainer.trained] == [2]
    assert found is not None
    assert (found.epochs, found.config["epochs"]) == (2, 3)
    assert split_worth(prepared, make_stage_result(winner=config), Trainer(ledger)) == found


@pytest.mark.parametrize(
    ("config", "epochs"),
    [
        (TrialConfig(batch_size=32), 6),  # 305 steps an epoch
        (TrialConfig(batch_size=1), 1),
        (TrialConfig(batch_size=256), 20),
        (TrialConfig(learning_rate_schedule="cosine"), 20),
    ],
)
def test_epochs_of_the_second_training(config: TrialConfig, epochs: int) -> None:
    assert shortened(config, 9755).epochs == epochs


@pytest.mark.parametrize("protocol", ["group", "kfold:2"])
def test_split_that_shares_no_group_is_worth_nothing(tmp_path: Path, protocol: str) -> None:
    problem = make_problem(tmp_path, protocol)
    prepared = Prepared(options=SearchOptions(), problem=problem, ledger=Ledger(tmp_path))
    assert split_worth(prepared, WINNER, Trainer(prepared.ledger)) is None


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
