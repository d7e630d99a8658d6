"""Labels: one word a thing, on the terminal, in the report and on the page."""

from __future__ import annotations

import pytest

from search.space.labels import label_of, run_label, stage_label, title_of, without_run
from tests.search.makers import make_trial


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("hidden_units", "hidden units"),
        ("l2", "L2"),
        ("learning_rate_schedule", "schedule"),
        ("batch_size", "batch size"),
        ("val_accuracy", "val accuracy"),
    ],
)
def test_label_of_a_hyperparameter_or_metric(name: str, label: str) -> None:
    assert label_of(name) == label


@pytest.mark.parametrize(
    ("stage", "label"), [("neurons", "hidden units"), ("lr", "learning rate"), ("joint", "joint")]
)
def test_stage_has_the_label_of_what_it_varies(stage: str, label: str) -> None:
    assert stage_label(stage) == label


def test_title_of_a_stage_uses_the_same_word() -> None:
    assert title_of("neurons") == "Hidden units of the dense layers"


@pytest.mark.parametrize(
    ("seeds", "splits", "label"),
    [
        (False, False, "512, 256"),
        (True, False, "512, 256, seed 8"),
        (False, True, "512, 256, fold-1"),
        (True, True, "512, 256, seed 8, fold-1"),
    ],
)
def test_run_is_called_by_its_configuration_and_by_what_there_are_several_of(
    seeds: bool, splits: bool, label: str
) -> None:
    trial = make_trial("fold-1", seed=8)
    assert run_label("512, 256", trial, seeds=seeds, splits=splits) == label
    assert without_run(label, trial) == "512, 256"
    assert without_run("fold-1", trial) == ""
