from __future__ import annotations

from typing import Any

import pytest

from search.statistics.baselines import NO_GAIN
from search.statistics.paired_tests import Comparison
from search.statistics.selection import Selection
from search.statistics.verdict_text import not_for_new, standing, statement, verdict_word

CLEAR: dict[str, Any] = {"p_value": 0.001, "tied": False}
TIED: dict[str, Any] = {"p_value": 0.5, "tied": True}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (
            Selection(winner=None, verdict="none", comparisons=(None, None, None)),
            "nothing finished, so there is no winner",
        ),
        (
            Selection(winner=0, verdict="single", comparisons=(None, None, None)),
            "a is the only one that finished, so there was nothing to compare it with; "
            "2 failed and were not compared",
        ),
        (
            Selection(
                winner=1,
                verdict="single",
                comparisons=(Comparison(difference=0.1, runs=1), None, Comparison(difference=0.1, runs=1)),
            ),
            "b has the best value; one run each, so it may be chance",
        ),
        (
            Selection(
                winner=1,
                verdict="clear",
                comparisons=(
                    Comparison(difference=0.012, runs=5, interval=(0.004, 0.02), **CLEAR),
                    None,
                    Comparison(difference=0.1, runs=5, interval=(0.05, 0.15), **CLEAR),
                ),
            ),
            "b wins clearly: better than every other by 0.0120 or more "
            "(95 % interval 0.0040 to 0.0200 against the closest, a; 5 repeats)",
        ),
        (
            Selection(
                winner=0,
                verdict="clear",
                comparisons=(None, None, Comparison(difference=0.1, runs=8, **CLEAR)),
                looks=8,
            ),
            "a wins clearly: better than c by 0.1000 (no interval; 8 repeats, corrected for 8 looks); "
            "1 failed and was not compared",
        ),
        (
            Selection(
                winner=0,
                verdict="tied",
                comparisons=(
                    None,
                    Comparison(difference=0.0004, runs=15, interval=(-0.003, 0.00401), **TIED),
                    Comparison(difference=0.1, runs=15, interval=(0.05, 0.15), **CLEAR),
                ),
                level=0.1,
                folds=5,
            ),
            "a has the best mean, tied with b (difference 0.0004, 90 % interval -0.0030 to 0.0040; "
            "5 folds with 3 repeats each, which cannot tell differences below 0.0035); "
            "better than the other one",
        ),
        (
            Selection(
                winner=0,
                verdict="tied",
                comparisons=(
                    None,
                    Comparison(difference=0.01, runs=5, interval=(-0.00001, 0.02), **TIED),
                    Comparison(difference=0.001, runs=5, interval=(-0.1, 0.1), **TIED),
                ),
                folds=5,
            ),
            "a has the best mean, tied with b and c "
            "(difference to the closest, c: 0.0010, 95 % interval -0.1000 to 0.1000; 5 folds, which cannot "
            "tell differences below 0.1000)",
        ),
        (
            Selection(
                winner=0,
                verdict="equivalent",
                comparisons=(
                    None,
                    Comparison(difference=0.001, runs=6, interval=(-0.002, 0.004), equivalent=True, **TIED),
                    Comparison(difference=0.1, runs=6, interval=(0.05, 0.15), **CLEAR),
                ),
            ),
            "a has the best mean, and b is equivalent: they differ by less than 0.005 "
            "(difference 0.0010; 6 repeats); better than the other one",
        ),
        (
            Selection(
                winner=0,
                verdict="undecided",
                comparisons=(
                    None,
                    Comparison(difference=0.001, runs=3, equivalent=True, **TIED),
                    Comparison(difference=0.02, runs=3, interval=(-0.01, 0.05), needed=7, **TIED),
                ),
            ),
            "undecided, too few repeats: a has the best mean, not told apart from c (difference 0.0200, 95 % "
            "interval -0.0100 to 0.0500; 3 repeats, which cannot tell differences below 0.0300); about 7 "
            "repeats would tell",
        ),
    ],
)
def test_statement_says_it_in_words(selection: Selection, expected: str) -> None:
    assert statement(selection, ["a", "b", "c"]) == expected


def test_statement_of_equal_values_says_that_they_share_the_best() -> None:
    equal, worse = Comparison(difference=0.0, runs=1), Comparison(difference=0.1, runs=1)
    for others, names in (((equal, worse), "b"), ((equal, equal), "b and c"), ((worse, equal), "c")):
        said = statement(Selection(winner=0, verdict="single", comparisons=(None, *others)), list("abc"))
        assert said == (
            f"a shares the best value with {names}, the first of them counts as the winner; one run each, "
            "so it may be chance"
        )


@pytest.mark.parametrize(("ties", "others"), [(1, "1 other"), (3, "3 others")])
def test_statement_of_long_names_counts_them_only(ties: int, others: str) -> None:
    tie = Comparison(difference=0.01, runs=3, interval=(-0.1, 0.1), p_value=0.5, tied=True)
    selection = Selection(winner=0, verdict="tied", comparisons=(None, *[tie] * ties))
    said = statement(selection, list("WXYZ")[: ties + 1], named=0)
    assert said.startswith(f"W has the best mean, tied with {others} (difference")
    assert not set("XYZ") & set(said)


def test_statement_counts_many_ties() -> None:
    tie = Comparison(difference=0.01, runs=3, interval=(-0.1, 0.1), p_value=0.5, tied=True)
    selection = Selection(winner=0, verdict="tied", comparisons=(None, *[tie] * 5))
    assert statement(selection, list("abcdef")).startswith("a has the best mean, tied with 5 others (")


def test_statement_with_equal_labels_keeps_candidates_apart() -> None:
    tie = Comparison(difference=0.01, runs=3, interval=(-0.1, 0.1), p_value=0.5, tied=True)
    selection = Selection(winner=0, verdict="tied", comparisons=(None, tie, tie))
    assert "tied with b and b" in statement(selection, ["a", "b", "b"])


def test_statement_needs_a_label_for_each_candidate() -> None:
    with pytest.raises(ValueError, match=r"1 candidates need a label each, received 2"):
        statement(Selection(winner=0, verdict="single", comparisons=(None,)), ["a", "b"])


@pytest.mark.parametrize(
    ("verdict", "tied", "equivalent", "stands"),
    [
        ("tied", True, False, "tied"),
        ("undecided", True, False, "undecided"),
        ("undecided", True, True, "equivalent"),
        ("clear", False, False, "worse"),
        ("tied", None, None, ""),
        ("single", None, None, ""),
        (NO_GAIN, True, False, ""),
    ],
)
def test_one_that_did_not_win_stands_as_it_was_tested(
    verdict: str, tied: bool | None, equivalent: bool | None, stands: str
) -> None:
    assert standing(verdict, tied, equivalent, won=False) == stands


def test_winner_is_one_only_where_something_was_tested() -> None:
    verdicts = ("clear", "undecided", "single", NO_GAIN)
    assert [standing(verdict, None, None, won=True) for verdict in verdicts] == [
        "winner",
        "winner",
        "best",
        "best",
    ]


def test_verdict_by_itself_takes_back_what_its_words_take_back() -> None:
    assert verdict_word("clear", "people") == "clear, not for new people"
    assert verdict_word("clear", "") == "clear"
    assert "so nothing is claimed for new people" in not_for_new("people")
    assert not_for_new("") == ""
