"""What a stage found survives its file, whatever it holds."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from search.study.stage_results import StageFiles, StageResult
from tests.search.makers import make_entry, make_stage_result
from trainables.trial import TrialConfig


def there_and_back(result: StageResult) -> StageResult:
    return StageResult.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))


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
    "fields",
    [
        {},
        {"entries": (COMPARED,), "hyperparameter": "hidden_units"},
        {"hyperparameter": None, "search": {"search": "tpe", "space": {"dropout": [0.0, 0.5]}}},
        {"winner": None, "verdict": "none", "entries": ()},
        {"notes": ("drawn",), "breakdown": {"confusion": [[1, 2], [3, 4]], "auc": None}, "sweep": 3},
    ],
    ids=["plain", "compared", "joint", "no winner", "notes and breakdown"],
)
def test_result_survives_its_json(fields: dict[str, Any]) -> None:
    result = make_stage_result(**fields)
    read = there_and_back(result)
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


@pytest.mark.parametrize(
    ("stage", "sweep", "name"), [("lr", 1, "lr.json"), ("lr", 2, "lr.2.json"), ("joint", 1, "joint.json")]
)
def test_stage_file_is_named_by_stage_and_sweep(tmp_path: Path, stage: str, sweep: int, name: str) -> None:
    path = StageFiles(tmp_path).write(make_stage_result(stage, sweep=sweep))
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
    with pytest.raises(InputError, match=r"lr\.json is damaged \(.*\); remove it and run the stage again"):
        StageFiles(tmp_path).read("lr")
    assert path.read_text() == text


def test_stage_file_of_another_format_says_which_is_read(tmp_path: Path) -> None:
    path = StageFiles(tmp_path).write(make_stage_result())
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(InputError, match="this version reads format 1"):
        StageFiles(tmp_path).read("lr")


def test_all_results_stand_by_the_time_they_finished(tmp_path: Path) -> None:
    files = StageFiles(tmp_path)
    times = {("lr", 1): "02", ("dropout", 1): "01", ("lr", 2): "04", ("joint", 1): "03"}
    for (stage, sweep), second in times.items():
        files.write(make_stage_result(stage, sweep=sweep, finished_at=f"2026-01-01T00:00:{second}+00:00"))
    assert [(result.stage, result.sweep) for result in files.all()] == [
        ("dropout", 1),
        ("lr", 1),
        ("joint", 1),
        ("lr", 2),
    ]


def test_all_results_of_a_new_study_are_none(tmp_path: Path) -> None:
    assert list(StageFiles(tmp_path).all()) == []
