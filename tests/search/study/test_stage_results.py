"""What a stage found survives its file, whatever it holds."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.statistics.baselines import Baseline
from search.study.stage_results import Result, StageFiles, result_from_dict
from tests.search.makers import (
    make_entry,
    make_joint_result,
    make_population_result,
    make_stage_result,
    unseal,
)
from trainables.trial import TrialConfig


def there_and_back(result: Result) -> Result:
    return result_from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))


COMPARED = make_entry(
    value=(256, 128, 64),
    config=TrialConfig(hidden_units=(256, 128, 64)),
    reused=("0123456789abcdef",),
    spread=0.01,
    difference=0.02,
    interval=(-0.01, 0.05),
    p_value=0.2,
    tied=True,
)


@pytest.mark.parametrize(
    "result",
    [
        make_stage_result(),
        make_stage_result(entries=(COMPARED,), hyperparameter="hidden_units"),
        make_stage_result(winner=None, verdict="none", entries=()),
        make_stage_result(notes=("drawn",), breakdown={"confusion": [[1, 2], [3, 4]], "auc": None}, sweep=3),
        make_joint_result(
            settings={"search": "tpe", "space": {"dropout": [0.0, 0.5]}},
            trials=("0123456789abcdef", "f" * 16),
            counts={"completed": 1, "stopped": 1, "failed": 0},
        ),
        make_joint_result(settings={}),
        make_population_result(members=({"key": "0" * 16, "number": 2, "values": [{"dropout": 0.5}]},)),
    ],
    ids=[
        "plain",
        "compared",
        "no winner",
        "notes and breakdown",
        "joint",
        "joint of a stranger",
        "population",
    ],
)
def test_result_survives_its_json(result: Result) -> None:
    read = there_and_back(result)
    assert type(read) is type(result)
    assert read.to_dict() == result.to_dict()
    assert replace(read, entries=()) == replace(result, entries=())
    assert [str(asdict(entry)) for entry in read.entries] == [str(asdict(entry)) for entry in result.entries]


def test_result_of_what_never_finished_has_null_in_json_and_nan_in_python() -> None:
    nan = math.nan
    entry = make_entry(status="FAILED", mean=nan, spread=nan, best_val_accuracy=nan, best_epoch=None)
    result = make_stage_result(entries=(entry,))
    written = result.to_dict()["entries"][0]
    assert (written["mean"], written["spread"], written["best_epoch"]) == (None, None, None)
    (read,) = there_and_back(result).entries
    assert math.isnan(read.mean)
    assert math.isnan(read.spread)
    assert math.isnan(read.best_val_accuracy)
    assert read.best_epoch is None


def test_result_turns_infinite_bounds_into_null() -> None:
    entry = make_entry(interval=(-math.inf, 0.1))
    assert make_stage_result(entries=(entry,)).to_dict()["entries"][0]["interval"] == [None, 0.1]


def test_entry_of_a_configuration() -> None:
    entries = (make_entry(), COMPARED)
    result = make_stage_result(entries=entries)
    assert result.entry_of(COMPARED.config) is COMPARED
    with pytest.raises(KeyError):
        result.entry_of(TrialConfig(seed=99))


IN_FILE = (
    *("format", "stage", "hyperparameter", "sweep", "objective", "protocol", "base", "taken_over", "entries"),
    *(
        "winner",
        "verdict",
        "statement",
        "notes",
        "breakdown",
        "baselines",
        "corrected",
        "not_for_new",
        "search",
        "seconds",
        "finished_at",
    ),
)


@pytest.mark.parametrize(
    ("result", "own"),
    [
        (make_stage_result(sweep=2), ("lr", "learning_rate", 2, None)),
        (
            make_joint_result(settings={"search": "tpe"}, trials=("a", "b"), counts={"completed": 2}),
            ("joint", None, 1, {"search": "tpe", "trials": ["a", "b"], "completed": 2, "ablation": []}),
        ),
        (
            make_population_result(settings={"scheduler": "pbt"}, members=({"number": 1},)),
            ("joint", None, 1, {"scheduler": "pbt", "trials": [], "members": [{"number": 1}]}),
        ),
    ],
    ids=["stage", "joint", "population"],
)
def test_file_of_each_kind_has_the_same_keys_in_order(result: Result, own: tuple[object, ...]) -> None:
    values = result.to_dict()
    assert tuple(values) == IN_FILE
    assert tuple(values[name] for name in ("stage", "hyperparameter", "sweep", "search")) == own


def test_trials_of_a_joint_search_are_all_that_it_tried_and_those_that_decided() -> None:
    compared = make_entry(None, trials=("b", "fresh"))
    assert make_joint_result(entries=(compared,), trials=("a", "b")).trial_keys() == ["b", "fresh", "a"]
    assert make_stage_result(entries=(compared, compared)).trial_keys() == ["b", "fresh"]


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (make_stage_result(), "lr.json"),
        (make_stage_result(sweep=2), "lr.2.json"),
        (make_joint_result(), "joint.json"),
        (make_population_result(), "joint.json"),
    ],
)
def test_stage_file_is_named_by_stage_and_sweep(tmp_path: Path, result: Result, name: str) -> None:
    path = StageFiles(tmp_path).write(result)
    assert path == tmp_path / "stages" / name
    assert [found.name for found in path.parent.iterdir()] == [name]


def test_stage_file_of_a_stage_that_has_not_finished_is_none(tmp_path: Path) -> None:
    StageFiles(tmp_path).write(make_stage_result("lr"))
    assert StageFiles(tmp_path).read("dropout") is None
    assert StageFiles(tmp_path).read("lr", 2) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": 99}', '{"format": 1}', '{"format": 1, "objective": 3}'],
)
def test_stage_file_that_is_damaged_is_named(tmp_path: Path, text: str) -> None:
    path = StageFiles(tmp_path).path("lr")
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=r"lr\.json is damaged \(.*\); the next run of the stage decides"):
        StageFiles(tmp_path).read("lr")
    assert path.read_text() == text


def test_stage_file_of_another_format_says_which_is_read(tmp_path: Path) -> None:
    path = StageFiles(tmp_path).write(make_stage_result())
    unseal(path, format=9)
    with pytest.raises(InputError, match="its format is 9, this version reads 1 to 7"):
        StageFiles(tmp_path).read("lr")


def test_stage_file_of_the_first_format_is_read_without_the_figures_that_it_lacks(tmp_path: Path) -> None:
    path = StageFiles(tmp_path).write(make_stage_result(entries=(make_entry(0.5),)))
    values = json.loads(path.read_text())
    for name in ("train_accuracy_at_inference", "one_class_epochs", "epochs"):
        del values["entries"][0][name]
    path.write_text(json.dumps(values))
    unseal(path, format=1)
    result = StageFiles(tmp_path).read("lr")
    assert result
    assert (result.entries[0].one_class_epochs, result.entries[0].one_class_remark) == (None, "")


def test_stage_file_of_the_first_format_is_read(tmp_path: Path) -> None:
    result = make_stage_result()
    path = StageFiles(tmp_path).write(result)
    values = json.loads(path.read_text("utf-8"))
    del values["baselines"], values["corrected"], values["protocol"]["margin"]
    for entry in values["entries"]:
        del entry["equivalent"]
    path.write_text(json.dumps(values), "utf-8")
    unseal(path, format=1)
    read = StageFiles(tmp_path).read("lr")
    assert read is not None
    assert (read.baselines, read.corrected, read.protocol.margin) == ((), None, 0.0)
    assert read.entries[0].equivalent is None


def test_stage_file_keeps_baselines_and_the_corrected_value(tmp_path: Path) -> None:
    constant = Baseline(
        name="constant",
        title="always male",
        backbone="",
        accuracies={"random": 0.77},
        balanced={"random": 0.5},
    )
    StageFiles(tmp_path).write(make_stage_result(baselines=(constant,), corrected=0.86))
    read = StageFiles(tmp_path).read("lr")
    assert read is not None
    assert (read.baselines, read.corrected) == ((constant,), 0.86)


def test_all_results_stand_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    files = StageFiles(tmp_path)
    times = {("lr", 1): "02", ("dropout", 1): "01", ("lr", 2): "04"}
    for (stage, sweep), second in times.items():
        files.write(make_stage_result(stage, sweep=sweep, finished_at=f"2026-01-01T00:00:{second}+00:00"))
    files.write(make_joint_result(finished_at="2026-01-01T00:00:03+00:00"))
    assert [(result.stage, result.sweep) for result in files.all()] == [
        ("lr", 1),
        ("dropout", 1),
        ("lr", 2),
        ("joint", 1),
    ]


def test_all_results_of_a_new_study_are_none(tmp_path: Path) -> None:
    assert list(StageFiles(tmp_path).all()) == []


def test_stage_that_ends_by_a_clock_that_is_behind_is_the_last_all_the_same(tmp_path: Path) -> None:
    files = StageFiles(tmp_path)
    files.write(make_stage_result("lr", finished_at="2030-01-01T00:00:00.000000+00:00"))
    files.write(make_stage_result("dropout", "dropout", finished_at="2026-01-01T00:00:00.000000+00:00"))
    assert [result.stage for result in files.all()] == ["lr", "dropout"]
    assert next(reversed(list(files.all()))).finished_at == "2030-01-01T00:00:00.000001+00:00"
    files.write(make_stage_result("lr", finished_at="2031-01-01T00:00:00.000000+00:00"))
    assert [result.finished_at[:4] for result in files.all()] == ["2030", "2031"]


@pytest.mark.parametrize("name", ["lr.copy", "notes", "lr.0x2"])
def test_file_that_is_no_stage_is_left_alone(tmp_path: Path, name: str) -> None:
    files = StageFiles(tmp_path)
    path = files.write(make_stage_result())
    other = path.with_stem(name)
    other.write_bytes(path.read_bytes())
    assert [result.stage for result in files.all()] == ["lr"]
    assert list(files.damaged()) == []
    files.write(make_stage_result("dropout", "dropout"))
    assert other.exists()
