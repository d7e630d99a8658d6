"""The ledger: what was trained is found again, and what cannot be read counts as never trained."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError
from data_prep.storage import atomic_files
from data_prep.storage.json_files import write_json
from data_prep.storage.standing import watched
from search.study.ledger import Ledger, finished_trials
from tests.search.makers import make_result, make_trial, unseal
from trainables.trial import TrialResult, TrialStatus

TRIAL = make_trial(learning_rate=0.0003)


@contextmanager
def full_disk(study: Path) -> Iterator[None]:
    """The storage of `study` has no room, while nobody waits for it."""

    def standing(path: Path, work: Callable[[], object]) -> object:
        if path.is_relative_to(study):
            raise InputError(f"{path} cannot be written (No space left on device); make room")
        return work()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic_files, "standing", standing)
        yield


@pytest.mark.parametrize(
    "result",
    [
        make_result(TRIAL, 0.5, 0.75),
        make_result(TRIAL, 0.5, status=TrialStatus.STOPPED, reason="stopped early by the scheduler"),
        make_result(TRIAL, status=TrialStatus.FAILED, reason="the loss is nan in epoch 1"),
    ],
    ids=["completed", "stopped", "failed in its first epoch"],
)
def test_ledger_finds_what_was_recorded(tmp_path: Path, result: TrialResult) -> None:
    Ledger(tmp_path).record(result)
    assert Ledger(tmp_path).find(TRIAL) == result
    assert Ledger(tmp_path).find_key(TRIAL.key) == result


@pytest.mark.parametrize(
    "other",
    [
        make_trial(learning_rate=0.0003, seed=8),
        make_trial(learning_rate=0.0003, epochs=2),
        make_trial("subject", learning_rate=0.0003),
    ],
    ids=["seed", "epochs", "split"],
)
def test_ledger_has_not_what_differs_in(tmp_path: Path, other: object) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    assert ledger.find(other) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("predictions", [np.array([0.25, 0.5], np.float32), None], ids=["with", "without"])
def test_result_that_the_storage_does_not_take_is_kept_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, predictions: np.ndarray | None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    study, result = tmp_path / "study", make_result(TRIAL, 0.5)
    with (
        full_disk(study),
        pytest.raises(InputError, match=r"No space left.*; the trial that has just ended is kept in .*home"),
    ):
        Ledger(study).record(result, predictions)
    ledger = Ledger(study, moves_damaged=False)
    with pytest.warns(UserWarning, match=f"trial {TRIAL.key} is put into the study from"):
        ledger.take_hold()
    found = ledger.find_whole(TRIAL)
    assert found is not None
    assert found.epochs == result.epochs
    if predictions is not None:
        assert ledger.predictions(TRIAL).tolist() == predictions.tolist()
    with warnings.catch_warnings(action="error"):
        Ledger(study).take_hold()  # once


def test_result_that_no_disk_takes_is_told_as_the_study_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    with full_disk(tmp_path / "study"), pytest.raises(InputError, match="No space left") as raised:
        Ledger(tmp_path / "study").record(make_result(TRIAL, 0.5))
    assert "is kept" not in str(raised.value)


def test_ledger_of_a_new_study_is_empty_and_writes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "study")
    assert ledger.find(TRIAL) is None
    assert list(ledger.results()) == []
    assert list(tmp_path.iterdir()) == []


def test_ledger_yields_results_in_the_order_of_keys(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for seed in range(4):
        ledger.record(make_result(make_trial(seed=seed), 0.5))
    keys = [result.trial.key for result in ledger.results()]
    assert len(keys) == 4
    assert keys == sorted(keys)


def test_ledger_file_is_named_by_the_key_and_nothing_else_lies_there(tmp_path: Path) -> None:
    Ledger(tmp_path).record(make_result(TRIAL, 0.5), np.zeros(3))
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == [f"predictions/{TRIAL.key}.npy", f"trials/{TRIAL.key}.json"]


def test_ledger_replaces_stopped_by_completed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5, status=TrialStatus.STOPPED))
    ledger.record(make_result(TRIAL, 0.5, 0.75))
    found = ledger.find(TRIAL)
    assert found
    assert (found.status, len(found.epochs)) == (TrialStatus.COMPLETED, 2)


def test_ledger_reads_a_file_once_until_it_changes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5, status=TrialStatus.STOPPED))
    found = ledger.find(TRIAL)
    assert ledger.find(TRIAL) is found
    assert next(ledger.results()) is found
    Ledger(tmp_path).record(make_result(TRIAL, 0.5, 0.75))  # by another process
    assert ledger.find(TRIAL) == make_result(TRIAL, 0.5, 0.75)


def test_ledger_refuses_nan_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Ledger(tmp_path).record(make_result(TRIAL, math.nan))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "content",
    [b"", b'{"key": ', b"null", b"[]", b"{}", b"\xff\xfe\x00", b'{"config": 3, "key": "x"}'],
    ids=["empty", "cut off", "null", "a list", "no key", "not UTF-8", "no configuration"],
)
def test_ledger_moves_a_damaged_file_aside_and_says_so(tmp_path: Path, content: bytes) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    path = tmp_path / "trials" / f"{TRIAL.key}.json"
    path.write_bytes(content)
    again = "the next run that needs the trial trains it again"
    said = rf"{re.escape(str(path))} is damaged \(.*\); {again}; moved to {TRIAL.key}\.damaged"
    with pytest.warns(UserWarning, match=said):
        assert ledger.find(TRIAL) is None
    assert path.with_suffix(".damaged").read_bytes() == content
    assert not path.exists()


def test_ledger_says_damage_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    (tmp_path / "trials" / f"{TRIAL.key}.json").write_text("{")
    with pytest.warns(UserWarning, match="is damaged"):
        assert list(ledger.results()) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ledger.find(TRIAL) is None


def test_ledger_refuses_a_file_under_another_key(tmp_path: Path) -> None:
    ledger, other = Ledger(tmp_path), make_trial(seed=99)
    ledger.record(make_result(TRIAL, 0.5))
    folder = tmp_path / "trials"
    (folder / f"{TRIAL.key}.json").rename(folder / f"{other.key}.json")
    with pytest.warns(UserWarning, match=f"it holds the trial {TRIAL.key}"):
        assert ledger.find(other) is None


def test_ledger_refuses_an_edited_configuration(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    path = ledger.path(TRIAL)
    unseal(path, format=0)
    path.write_text(path.read_text().replace("0.0003", "0.1"))
    with pytest.warns(UserWarning, match="is not that of the configuration"):
        assert ledger.find(TRIAL) is None


def test_ledger_reads_a_file_of_before_there_were_digests(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    unseal(ledger.path(TRIAL), format=0)
    assert Ledger(tmp_path).find(TRIAL) == make_result(TRIAL, 0.5)


def test_one_flipped_bit_of_a_figure_makes_no_other_figure_of_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    path = ledger.path(TRIAL)
    path.write_bytes(path.read_bytes().replace(b'"val_accuracy": 0.5', b'"val_accuracy": 0.7'))
    with pytest.warns(UserWarning, match="its digest is not that of its content"):
        assert ledger.find(TRIAL) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": []}, "it is completed, and has no epoch"),
        ({"seconds": -1.0}, "seconds must be float from 0"),
        ({"seconds": "1"}, "seconds must be float from 0"),
        ({"made_by": {"Keras": 3}}, "made_by must be"),
    ],
)
def test_ledger_refuses_what_no_trial_is(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    write_json(ledger.path(TRIAL), {**make_result(TRIAL, 0.5).to_dict(), **changes})
    with pytest.warns(UserWarning, match=said):
        assert ledger.find(TRIAL) is None


def test_predictions_come_back_as_float32(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5), np.array([0.25, 1.0]))
    predictions = ledger.predictions(TRIAL)
    assert predictions.dtype == np.float32
    assert predictions.tolist() == [0.25, 1.0]


@pytest.mark.parametrize("content", [None, b"", b"no array"], ids=["missing", "empty", "damaged"])
def test_predictions_that_cannot_be_read_name_the_way_out(tmp_path: Path, content: bytes | None) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5))
    if content is not None:
        path = ledger.predictions_path(TRIAL)
        path.parent.mkdir()
        path.write_bytes(content)
    said = rf"{TRIAL.key}\.npy cannot be read .*; remove .*{TRIAL.key}\.json to train the trial again"
    with pytest.raises(InputError, match=said):
        ledger.predictions(TRIAL)


def test_predictions_never_run_code(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    path = ledger.predictions_path(TRIAL)
    path.parent.mkdir(parents=True)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        ledger.predictions(TRIAL)


@pytest.mark.parametrize("damage", ["flipped", "gone", "another trial's"])
def test_trial_whose_predictions_are_damaged_is_trained_again(tmp_path: Path, damage: str) -> None:
    ledger, other = Ledger(tmp_path), make_trial(seed=99)
    ledger.record(make_result(TRIAL, 0.5), np.array([0.25, 0.5]))
    ledger.record(make_result(other, 0.5), np.array([0.75, 0.5]))
    path = ledger.predictions_path(TRIAL)
    if damage == "gone":
        path.unlink()
    elif damage == "flipped":
        path.write_bytes(path.read_bytes()[:-1] + b"\x3e")
    else:
        path.write_bytes(ledger.predictions_path(other).read_bytes())
    with pytest.warns(UserWarning, match=rf"{TRIAL.key}\.npy is damaged .* trains it again; moved to"):
        assert list(finished_trials([TRIAL, other], ledger)) == [other.key]
    assert ledger.find(TRIAL) is None
    ledger.record(make_result(TRIAL, 0.5), np.array([0.25, 0.5]))
    assert len(finished_trials([TRIAL, other], ledger)) == 2


def test_predictions_that_are_not_the_recorded_ones_are_not_read(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(TRIAL, 0.5), np.array([0.25, 1.0]))
    np.save(ledger.predictions_path(TRIAL), np.array([0.5, 1.0], np.float32))
    with pytest.raises(InputError, match="its digest is not the one in the trial's record"):
        ledger.predictions(TRIAL)


def test_trial_of_a_storage_that_is_away_is_waited_for_and_not_missing(tmp_path: Path) -> None:
    study, away, said = tmp_path / "study", tmp_path / "away", list[str]()
    ledger = Ledger(study)
    ledger.record(make_result(TRIAL, 0.5, 0.75), np.array([0.5], np.float32))
    write_json(study / "study.json", {"format": 1})

    def bring_back(line: str) -> None:
        said.append(line)
        away.rename(study)

    with watched(study, study / "study.json", 60, bring_back):
        ledger.predictions(TRIAL)
        for read in (ledger.find, ledger.predictions):
            study.rename(away)
            assert read(TRIAL) is not None
        study.rename(away)
        assert len(list(ledger.results())) == 1
    assert ["cannot be read (the folder" in line for line in said] == [True, True, True]
