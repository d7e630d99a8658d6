"""The final model in the study's folder and its record."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from search.final_model.model_file import find_model
from search.final_model.writer import winning_run, write_final_model
from search.finetune.plan import FinetunePlan
from search.statistics.calibration import Calibration
from search.study.layout import Layout
from tests.search.finetune.test_runs import FakeWorkers, run
from trainables.trial import LAST

MakePlan = Callable[..., FinetunePlan]


CALIBRATION = Calibration(
    temperature=2.5, images=80, loss_before=0.6, loss_after=0.5, error_before=0.1, error_after=0.02
)


@dataclass
class Writer:
    """Writes an empty model; `asked` holds the arguments of every call."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __call__(self, *arguments: Any) -> None:
        """Makes the file."""
        self.asked.append(arguments)
        Path(arguments[3]).parent.mkdir(parents=True, exist_ok=True)
        Path(arguments[3]).write_bytes(b"")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


def test_model_is_of_the_winners_first_run(make_plan: MakePlan, study: Path) -> None:
    plan, write = make_plan(), Writer()
    result = run(plan, FakeWorkers(study))
    path = write_final_model(plan, result, study, write)
    pretrained = plan.head_columns()[-1].runs[0]
    assert winning_run(plan, result) == pretrained
    assert path == study / "winner" / "model.keras"
    kept = Layout(study).weights / pretrained.key / LAST
    assert write.asked == [(pretrained.config.to_dict(), "none", kept, path, 1.0)]


def test_record_says_what_the_model_is_made_of(make_plan: MakePlan, study: Path) -> None:
    plan = make_plan()
    result = run(plan, FakeWorkers(study))
    path = write_final_model(plan, result, study, Writer())
    record = json.loads(path.with_name("model.json").read_text())
    pretrained = plan.head_columns()[-1].runs[0]
    assert (record["key"], record["start"]) == (pretrained.key, pretrained.start)
    assert (record["column"], record["source"]) == ("pretrained", "folder")
    assert record["labels"] == {"0": "cat", "1": "dog"}
    assert record["pretraining"]["source"] == "celeba"


def test_model_has_the_temperature_of_its_calibration(make_plan: MakePlan, study: Path) -> None:
    plan, write = make_plan(), Writer()
    result = replace(run(plan, FakeWorkers(study)), calibration=CALIBRATION)
    path = write_final_model(plan, result, study, write)
    assert write.asked[0][-1] == 2.5
    assert json.loads(path.with_name("model.json").read_text())["calibration"] == CALIBRATION.to_dict()
    assert find_model(str(path), study).calibration == CALIBRATION.statement


def test_model_that_is_there_is_not_written_again(make_plan: MakePlan, study: Path) -> None:
    plan, write = make_plan(), Writer()
    result = run(plan, FakeWorkers(study))
    for _ in range(2):
        write_final_model(plan, result, study, write)
    assert len(write.asked) == 1
    other = make_plan(winner=replace(plan.winner, dropout=0.1))
    write_final_model(other, run(other, FakeWorkers(study)), study, write)
    assert len(write.asked) == 2


@pytest.mark.parametrize("name", ["model.keras", "model.json"])
def test_model_that_is_damaged_is_written_again(make_plan: MakePlan, study: Path, name: str) -> None:
    plan, write = make_plan(), Writer()
    result = run(plan, FakeWorkers(study))
    path = write_final_model(plan, result, study, write)
    path.with_name(name).write_bytes(b"damaged")
    write_final_model(plan, result, study, write)
    assert len(write.asked) == 2
    assert path.read_bytes() == b""
