"""Numbers as text: one form everywhere, a hyphen where there is nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from search.statistics.number_text import bracketed, confidence, decimal, low_to_high, with_spread


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.89244, "0.8924"),
        (1, "1.0000"),
        (-0.00001, "0.0000"),
        (math.nan, "-"),
        (None, "-"),
        ("0.5", "-"),
        (True, "-"),
    ],
)
def test_decimal(value: Any, text: str) -> None:
    assert decimal(value) == text


def test_decimal_has_as_many_digits_as_asked_for() -> None:
    assert decimal(12.345, 1) == "12.3"


@pytest.mark.parametrize(
    ("spread", "text"), [(0.0012, "0.8924 ± 0.0012"), (None, "0.8924"), (math.nan, "0.8924")]
)
def test_mean_with_its_spread(spread: Any, text: str) -> None:
    assert with_spread(0.8924, spread) == text


@pytest.mark.parametrize("interval", [None, [], "high"])
def test_interval_that_is_none(interval: Any) -> None:
    assert (low_to_high(interval), bracketed(interval)) == ("-", "-")


def test_interval_in_a_sentence_and_in_a_table() -> None:
    assert low_to_high([0.88, 0.9]) == "0.8800 to 0.9000"
    assert bracketed((0.88, 0.9)) == "[0.8800, 0.9000]"


@pytest.mark.parametrize(("level", "text"), [(0.05, "95 % interval"), (0.001, "99.9 % interval")])
def test_confidence_of_a_level(level: float, text: str) -> None:
    assert confidence(level) == text
