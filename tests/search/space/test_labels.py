"""Labels: one word a thing, on the terminal, in the report and on the page."""

from __future__ import annotations

import pytest

from search.space.labels import label_of, stage_label, title_of


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
