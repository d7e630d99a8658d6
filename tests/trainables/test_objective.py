"""Objectives: which figure, which way it is better, and scikit-learn's definition of each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from trainables.objective import (
    OBJECTIVE,
    OBJECTIVES,
    PROBABILITY_FIGURES,
    Objective,
    probability_figure,
    with_figure,
)
from trainables.trial import EpochMetrics

RNG = np.random.default_rng(3)
LABELS = np.arange(60) % 3
STATED = RNG.dirichlet(np.ones(3), 60)
TWO, OF_LABEL_1 = np.arange(40) % 2, RNG.random(40)


def _epoch(number: int, accuracy: float, **figures: float) -> EpochMetrics:
    return EpochMetrics(
        epoch=number,
        loss=1.0,
        accuracy=0.5,
        val_loss=1.0,
        val_accuracy=accuracy,
        learning_rate=0.1,
        seconds=1.0,
        **figures,
    )


EPOCHS = (_epoch(1, 0.5, log_loss=2.0), _epoch(2, 0.75, log_loss=0.5), _epoch(3, 0.625, log_loss=1.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [("mean_val_accuracy", 0.625), ("val_accuracy", 0.625), ("best_val_accuracy", 0.75), ("log_loss", 1.0)],
)
def test_objective_of_epochs(name: str, value: float) -> None:
    assert OBJECTIVES[name].of_epochs(EPOCHS) == value


def test_objective_without_its_figure_is_unknown() -> None:
    assert math.isnan(OBJECTIVES["auc"].of_epochs(EPOCHS))
    assert math.isnan(OBJECTIVE.of_epochs(()))


def test_objective_of_a_loss_is_better_where_it_is_less() -> None:
    assert [name for name, each in OBJECTIVES.items() if each.mode == "min"] == ["log_loss"]
    assert max([0.2, 0.1, 0.4], key=OBJECTIVES["log_loss"].gain) == 0.1
    assert OBJECTIVES["log_loss"].worst > 100
    assert OBJECTIVES["auc"].worst == 0.0


def test_objective_of_the_report_needs_no_probabilities() -> None:
    assert OBJECTIVES["mean_val_accuracy"] == OBJECTIVE == Objective()
    assert [name for name, each in OBJECTIVES.items() if each.figure] == [
        "balanced_accuracy",
        "f1",
        "auc",
        "log_loss",
    ]


@pytest.mark.parametrize(
    ("name", "expected", "expected_of_two"),
    [
        (
            "balanced_accuracy",
            metrics.balanced_accuracy_score(LABELS, STATED.argmax(axis=1)),
            metrics.balanced_accuracy_score(TWO, OF_LABEL_1 > 0.5),
        ),
        (
            "f1",
            metrics.f1_score(LABELS, STATED.argmax(axis=1), average="macro"),
            metrics.f1_score(TWO, OF_LABEL_1 > 0.5, average="macro"),
        ),
        (
            "auc",
            metrics.roc_auc_score(LABELS, STATED, multi_class="ovr"),
            metrics.roc_auc_score(TWO, OF_LABEL_1),
        ),
        ("log_loss", metrics.log_loss(LABELS, STATED), metrics.log_loss(TWO, OF_LABEL_1)),
    ],
)
def test_figures_are_those_of_scikit_learn(name: str, expected: float, expected_of_two: float) -> None:
    assert probability_figure(name, LABELS, STATED) == pytest.approx(expected, abs=1e-12)
    assert probability_figure(name, TWO, OF_LABEL_1) == pytest.approx(expected_of_two, abs=1e-12)


def test_figure_that_is_undefined_is_left_out() -> None:
    found = with_figure(EPOCHS[0], OBJECTIVES["auc"], np.zeros(3, int), np.array([0.1, 0.2, 0.3]))
    assert found.auc is None
    assert "auc" not in found.to_dict()


def test_epoch_without_an_objective_of_its_own_is_written_as_ever() -> None:
    assert not set(PROBABILITY_FIGURES) & _epoch(1, 0.5).to_dict().keys()
