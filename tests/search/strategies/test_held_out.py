"""The winner on held-out data: read once, and counted."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.readers import Readers
from search.strategies.held_out import HeldOut, describe_reading, evaluate_winner, require_held_out
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.snapshot import read_final
from search.study.stage_results import StageResult
from tests.search.makers import FakeTrainer, make_problem, make_stage_result
from trainables.trial import Trial, TrialConfig

WINNER = make_stage_result(winner=TrialConfig(epochs=2))
SECOND = make_stage_result("dropout", "dropout", winner=TrialConfig(epochs=2, dropout=0.5))


def by_split(trial: Trial) -> float:
    return 0.75 if trial.split == "kfold-2-0-test" else 0.5


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path, "kfold:2")


@pytest.fixture
def trainer(problem: Problem, tmp_path: Path) -> FakeTrainer:
    return FakeTrainer(problem, Ledger(tmp_path), by_split)


def read(result: StageResult, trainer: FakeTrainer, folder: Path) -> dict[str, object]:
    problem, ledger = trainer.problem, trainer.ledger
    readers = Readers(folder / "cache")
    return evaluate_winner(result, HeldOut(problem=problem, ledger=ledger, train=trainer, readers=readers))


def test_reading_trains_on_all_but_the_test_part_of_each_split(trainer: FakeTrainer, tmp_path: Path) -> None:
    read(WINNER, trainer, tmp_path)
    assert [trial.split for trial in trainer.trained] == ["kfold-2-0-test", "kfold-2-1-test"]
    assert {trial.config for trial in trainer.trained} == {WINNER.winner}


def test_reading_says_what_was_read(trainer: FakeTrainer, tmp_path: Path) -> None:
    reading = read(WINNER, trainer, tmp_path)
    assert reading["accuracies"] == {"kfold-2-0-test": 0.75, "kfold-2-1-test": 0.5}
    assert reading["accuracy"] == 0.625
    assert reading["standard_error"] == pytest.approx(math.sqrt(2 * 0.125**2) / math.sqrt(2))
    assert (reading["n"], reading["split"], reading["earlier_readings"]) == (80, "kfold:2", 0)
    assert (reading["stage"], reading["config"]) == ("lr", TrialConfig(epochs=2).to_dict())
    assert reading["trials"] == [trial.key for trial in trainer.trained]
    assert reading["breakdown"]["n"] == 80  # type: ignore[index]


def test_reading_is_kept_as_plain_json(trainer: FakeTrainer, tmp_path: Path) -> None:
    reading = read(WINNER, trainer, tmp_path)
    kept = json.loads((tmp_path / "final.json").read_text())
    assert (kept["format"], kept["readings"]) == (3, [reading])
    assert read_final(tmp_path) == [reading]


def test_reading_of_the_same_winner_is_the_first_one(trainer: FakeTrainer, tmp_path: Path) -> None:
    first = read(WINNER, trainer, tmp_path)
    again = read(replace(WINNER, stage="dropout"), trainer, tmp_path)
    assert again == first
    assert len(trainer.asked) == 1
    assert len(read_final(tmp_path)) == 1


def test_reading_of_a_second_winner_is_counted(trainer: FakeTrainer, tmp_path: Path) -> None:
    first, second = (read(result, trainer, tmp_path) for result in (WINNER, SECOND))
    assert (first["earlier_readings"], second["earlier_readings"]) == (0, 1)
    assert read_final(tmp_path) == [first, second]


def test_reading_has_an_interval_over_groups(trainer: FakeTrainer, tmp_path: Path) -> None:
    reading = read(WINNER, trainer, tmp_path)
    low, high = reading["interval"]  # type: ignore[misc]
    # the made predictions are all of label 1, which half of the groups have
    assert low < 0.5 < high
    assert reading["interval_over"] == "40 groups"
    breakdown = reading["breakdown"]
    assert breakdown["groups"] == 40  # type: ignore[index]
    assert breakdown["interval"] == pytest.approx([low, high], abs=0.1)  # type: ignore[index]


def test_second_study_is_told_who_read_the_data_when_and_how_often(problem: Problem, tmp_path: Path) -> None:
    first, second = (FakeTrainer(problem, Ledger(tmp_path / name), by_split) for name in ("one", "two"))
    assert read(WINNER, first, tmp_path)["read_before"] == []
    told = read(WINNER, second, tmp_path)
    (before,) = told["read_before"]  # type: ignore[misc]
    assert before["study"] == str(tmp_path / "one")
    assert before["folds"] == {"kfold-2-0-test": 40, "kfold-2-1-test": 40}
    said = describe_reading(told)
    assert f"the held-out rows of this data were read once before: for {tmp_path / 'one'}, by " in said
    assert before["read_at"] in said


def test_study_that_begins_anew_under_its_name_is_told_of_itself(problem: Problem, tmp_path: Path) -> None:
    trainer = FakeTrainer(problem, Ledger(tmp_path / "one"), by_split)
    read(WINNER, trainer, tmp_path)
    (tmp_path / "one" / "final.json").unlink()
    assert len(read(WINNER, trainer, tmp_path)["read_before"]) == 1  # type: ignore[arg-type]


def test_readings_of_format_1_are_read(tmp_path: Path) -> None:
    (tmp_path / "final.json").write_text(json.dumps({"readings": [READING]}))
    assert read_final(tmp_path) == [READING]


def test_reading_uses_what_an_interrupted_one_trained(trainer: FakeTrainer, tmp_path: Path) -> None:
    assert WINNER.winner
    trainer([trainer.problem.trial(WINNER.winner, "kfold-2-0-test")])
    read(WINNER, trainer, tmp_path)
    assert [trial.split for trial in trainer.asked[1]] == ["kfold-2-1-test"]


def test_reading_where_a_run_failed_is_not_kept(problem: Problem, tmp_path: Path) -> None:
    trainer = FakeTrainer(
        problem, Ledger(tmp_path), lambda trial: None if trial.split == "kfold-2-1-test" else 0.5
    )
    with pytest.raises(InputError, match="1 of the 2 final runs did not complete"):
        read(WINNER, trainer, tmp_path)
    assert read_final(tmp_path) == []


def test_reading_without_a_winner(trainer: FakeTrainer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--final needs a winner, the stage lr has none; run it again"):
        read(make_stage_result(winner=None, entries=()), trainer, tmp_path)


@pytest.mark.parametrize("protocol", ["random", "group"])
def test_protocol_without_a_test_part_has_nothing_to_read(tmp_path: Path, protocol: str) -> None:
    said = f"--final needs data that no selection saw, --split {protocol} keeps none; use --split folds"
    with pytest.raises(InputError, match=said):
        require_held_out(make_problem(tmp_path, protocol))


def test_protocol_with_a_test_part_has(problem: Problem) -> None:
    require_held_out(problem)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"readings": 3}'])
def test_readings_that_are_damaged_are_named_and_stay(tmp_path: Path, text: str) -> None:
    (tmp_path / "final.json").write_text(text)
    with pytest.raises(InputError, match=r"final\.json is damaged \(.*\); restore it from a copy"):
        read_final(tmp_path)
    assert (tmp_path / "final.json").read_text() == text


READING = {
    "accuracy": 0.8125,
    "standard_error": 0.01,
    "accuracies": {"a": 0.8, "b": 0.825},
    "n": 1234,
    "read_at": "2026-01-01T00:00:00+00:00",
    "earlier_readings": 0,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {},
            "held-out accuracy 0.8125 ± 0.0100 (standard error over 2 splits) on 1,234 images, "
            "read once at 2026-01-01T00:00:00+00:00",
        ),
        (
            {"standard_error": None, "earlier_readings": 2},
            "held-out accuracy 0.8125 on 1,234 images, read once at 2026-01-01T00:00:00+00:00; "
            "the held-out data was read 2 times before for other winners",
        ),
        (
            {"standard_error": None, "earlier_readings": 1},
            "held-out accuracy 0.8125 on 1,234 images, read once at 2026-01-01T00:00:00+00:00; "
            "the held-out data was read once before for another winner",
        ),
    ],
    ids=["first", "third", "second"],
)
def test_describe_reading(change: dict[str, object], said: str) -> None:
    assert describe_reading({**READING, **change}) == said
