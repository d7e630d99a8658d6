"""What a random split is worth, in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from search.statistics.split_worth import SplitWorth

PLAIN: dict[str, Any] = {
    "config": {"epochs": 2},
    "trials": ("a", "b"),
    "accuracy": 0.918,
    "apart": 0.861,
    "interval": (0.83, 0.89),
    "groups": 1203,
    "noun": "people",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {},
            "0.918 on the random split; 0.861 on people not seen in training (95 % interval 0.830 to 0.890 "
            "over 1,203 people): 5.7 points of it are people on both sides",
        ),
        (
            {"accuracy": 0.88},
            "0.880 on the random split; 0.861 on people not seen in training (95 % interval 0.830 to 0.890 "
            "over 1,203 people): no difference that could be told from chance, so people on both sides "
            "explain little of it",
        ),
        (
            {"noun": "near-duplicates", "known": False},
            "0.918 on the random split; 0.861 on pictures with no near-duplicates there (95 % interval 0.830 "
            "to 0.890 over 1,203 pictures): 5.7 points of it are near-duplicates on both sides",
        ),
        (
            {"epochs": 6, "config": {"epochs": 20}},
            "0.918 on the random split; 0.861 on people not seen in training (95 % interval 0.830 to 0.890 "
            "over 1,203 people), each after 6 of 20 epochs: 5.7 points of it are people on both sides",
        ),
    ],
    ids=["people", "chance", "near-duplicates", "first epochs"],
)
def test_statement(change: dict[str, Any], said: str) -> None:
    assert SplitWorth(**{**PLAIN, **change}).statement == said


def test_values_are_read_as_they_were_written() -> None:
    worth = SplitWorth(**PLAIN)
    assert SplitWorth.from_dict({**worth.to_dict(), "interval": [0.83, 0.89], "trials": ["a", "b"]}) == worth
