"""Calibration by a temperature: found, told on other rows, and left out where it does not help."""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.calibration import Calibration, calibrate, temperature_of, tempered


def made(classes: int, sharper: float, rows: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels, and probabilities that are surer than they may be by the factor `sharper`."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(rows, classes))
    exact = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (exact.cumsum(1) > rng.random((rows, 1))).argmax(1)
    stated = tempered(exact, 1 / sharper)
    return labels, stated[:, 1] if classes == 2 else stated


@pytest.mark.parametrize("classes", [2, 4])
def test_temperature_takes_back_what_a_network_is_too_sure_of(classes: int) -> None:
    labels, probabilities = made(classes, 3.0)
    found = calibrate(labels, probabilities, np.arange(2000))
    assert found.temperature == pytest.approx(3.0, rel=0.12)
    assert found.loss_after < found.loss_before
    assert found.error_after < found.error_before / 3


def test_probabilities_that_are_right_are_left_alone_or_nearly() -> None:
    labels, probabilities = made(2, 1.0)
    assert calibrate(labels, probabilities, np.arange(2000)).temperature == pytest.approx(1, abs=0.1)


def test_temperature_is_told_on_groups_that_it_was_not_fitted_on() -> None:
    labels, probabilities = made(2, 3.0)
    found = calibrate(labels, probabilities, np.arange(2000))
    in_sample = tempered(probabilities, found.temperature)
    loss = -np.mean(np.log(np.where(labels == 1, in_sample, 1 - in_sample)))
    assert found.loss_after > loss


def test_few_groups_tell_no_temperature() -> None:
    labels, probabilities = made(2, 3.0, 100)
    found = calibrate(labels, probabilities, np.arange(100) % 5)
    assert (found.temperature, found.loss_after) == (1.0, found.loss_before)


@pytest.mark.parametrize("shape", ["two", "three"])
def test_temperature_changes_no_answer(shape: str) -> None:
    rng = np.random.default_rng(1)
    given = rng.random(50) if shape == "two" else rng.dirichlet(np.ones(3), 50)
    after = tempered(given, 2.0)
    assert after.shape == given.shape
    if shape == "two":
        assert np.array_equal(after >= 0.5, given >= 0.5)
    else:
        assert np.array_equal(after.argmax(1), given.argmax(1))


def test_probabilities_of_0_and_1_have_a_temperature() -> None:
    labels = np.arange(100) % 2
    wrong = np.where(np.arange(100) < 10, 1 - labels, labels).astype(float)
    assert 1 < temperature_of(labels, wrong) <= 20


PLAIN = Calibration(
    temperature=1.834, images=80, loss_before=0.512, loss_after=0.431, error_before=0.1, error_after=0.02
)


def test_statement() -> None:
    assert PLAIN.statement == (
        "the probabilities are calibrated by a temperature of 1.83, fitted on 80 validation images: log loss "
        "0.5120 before, 0.4310 after; calibration error 0.1000 before, 0.0200 after"
    )
    left = Calibration(**{**PLAIN.__dict__, "temperature": 1.0})
    assert left.statement.startswith("the probabilities are as the network gives them (log loss 0.5120,")


def test_values_are_read_as_they_were_written() -> None:
    assert Calibration.from_dict(PLAIN.to_dict()) == PLAIN
