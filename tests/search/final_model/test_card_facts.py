"""What the card of a final model says of where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search.final_model.card_facts import card_facts
from search.finetune.plan import FinetunePlan
from search.study.ledger import Ledger
from search.study.snapshot import keep_readings
from tests.search.finetune.test_runs import FakeWorkers, run

MakePlan = Callable[..., FinetunePlan]


def test_card_has_the_figures_of_the_models_own_run(make_plan: MakePlan, tmp_path: Path) -> None:
    plan, workers = make_plan(), FakeWorkers(tmp_path / "study")
    result = run(plan, workers)
    facts = card_facts(plan, result, Ledger(workers.study), "python -m search.run")
    assert facts.name == "resnet50_v2, tuned, pretrained on CelebA"
    assert (facts.train_images, facts.validation_images) == (64, 16)
    assert facts.breakdown["n"] == 16
    assert facts.pretrained_on is not None
    assert (facts.pretrained_on.source, facts.data.source) == ("celeba", "folder")
    assert [column.val_accuracy for column in facts.columns][1:] == [(0.807, 0.808), (0.907, 0.908)]


@pytest.mark.parametrize(
    ("changes", "trained"),
    [
        ({}, "the head, on features of the frozen backbone"),
        ({"blocks": (2,)}, "the head and the last 2 blocks, on images"),
        ({"blocks": ("all",)}, "the head and all blocks, on images"),
    ],
)
def test_card_says_what_was_trained_last(
    make_plan: MakePlan, tmp_path: Path, changes: dict[str, object], trained: str
) -> None:
    plan, workers = make_plan(**changes), FakeWorkers(tmp_path / "study")
    result = run(plan, workers)
    last = replace(result, winner=result.columns[-1].name)
    facts = card_facts(plan, last, Ledger(workers.study), "")
    assert facts.finetune == trained


@pytest.mark.parametrize(
    ("start", "said"), [("", "accuracy 0.8912 (95 % interval 0.8701 to 0.9002 over"), ("k", "")]
)
def test_card_has_the_held_out_reading_of_its_own_configuration(
    make_plan: MakePlan, tmp_path: Path, start: str, said: str
) -> None:
    plan, workers = make_plan(), FakeWorkers(tmp_path / "study")
    result, ledger = run(plan, workers), Ledger(workers.study)
    columns = [replace(column, start=start) for column in result.columns]
    result = replace(result, columns=tuple(columns), winner=columns[-1].name)
    reading = {
        "accuracy": 0.8912,
        "n": 2_438,
        "interval": [0.8701, 0.9002],
        "interval_over": "412 people",
    }
    keep_readings(ledger.folder, [{**reading, "accuracy": 0.5, "config": {}}])
    assert card_facts(plan, result, ledger, "").held_out == ""
    keep_readings(ledger.folder, [{**reading, "config": dict(columns[-1].config)}])
    assert card_facts(plan, result, ledger, "").held_out.startswith(said)
