"""Verdict of a selection in the words that tables, JSON and report share."""

from __future__ import annotations

from collections.abc import Sequence

from search.statistics.number_text import confidence, decimal, low_to_high
from search.statistics.paired_tests import Comparison
from search.statistics.selection import TESTED, Selection

SINGLE_RUNS = "one run each, so it may be chance"
_NAMED = 4
_EQUAL = 1e-9  # rounding of float sums; an accuracy moves in larger steps
_Compared = Sequence[tuple[str, Comparison]]


def statement(selection: Selection, labels: Sequence[str], *, named: int = _NAMED) -> str:
    """Returns the selection in words; `labels` are the candidates' names in order.

    Up to `named` candidates that the winner is not better than are named, more are counted.

    Raises ValueError where there is not one label for each candidate.
    """
    if len(labels) != len(selection.comparisons):
        raise ValueError(f"{len(selection.comparisons)} candidates need a label each, received {len(labels)}")
    if selection.winner is None:
        return "nothing finished, so there is no winner"
    winner = labels[selection.winner]
    compared = [
        (label, found)
        for label, found in zip(labels, selection.comparisons, strict=True)
        if found is not None
    ]
    failed = len(labels) - 1 - len(compared)
    suffix = f"; {failed} failed and {'was' if failed == 1 else 'were'} not compared" if failed else ""
    if not compared:
        return f"{winner} is the only one that finished, so there was nothing to compare it with{suffix}"
    if selection.verdict == "single":
        best = _best_value(winner, compared, named)
        return f"{best}; {SINGLE_RUNS}{suffix}"
    say = {"clear": _clear, "equivalent": _equivalent, "undecided": _undecided}.get(selection.verdict, _tied)
    return say(selection, winner, compared, named) + suffix


def not_for_new(several: str) -> str:
    """Returns what a statement adds where `several` (people, groups, "") are on both sides of the split."""
    if not several:
        return ""
    return f"; {several} are on both sides of the split, so nothing is claimed for new {several}"


def verdict_word(verdict: str, several: str) -> str:
    """Returns the verdict as it may stand by itself, with what `not_for_new` says: not for new people."""
    return f"{verdict}, not for new {several}" if several else verdict


def standing(verdict: str, tied: bool | None, equivalent: bool | None, *, won: bool) -> str:
    """Returns how one stands among those compared: who `won` is no winner, and others nothing, untested."""
    if won:
        return "winner" if verdict in TESTED else "best"
    if tied is None or verdict not in TESTED:
        return ""
    if equivalent:
        return "equivalent"
    if not tied:
        return "worse"
    return "undecided" if verdict == "undecided" else "tied"


def beside_constant(title: str, value: float, words: str) -> str:
    """Returns what is said where nothing is better than the constant answer; `words` are of the selection."""
    return (
        f"no winner: no value is better than {title}, which is right for {decimal(value)}, so "
        "nothing visible was learned; more data or epochs, other values or another backbone may help. "
        f"Among them {words}"
    )


def beside_linear(found: Comparison, value: float) -> str:
    """Returns how the winner stands to a linear classifier on the same features, right in `value`."""
    linear = f"that of a linear classifier on the same features ({decimal(value)})"
    after = f"its accuracy after the last epoch, {decimal(value + found.difference)}, is"
    if found.tied is None:
        than = "above" if found.difference > 0 else "not above"
        return f"{after} {than} {linear}, in one run"
    if found.tied or found.difference < 0:
        clearly = "clearly " if found.difference > 0 else ""
        return f"{after} not {clearly}better than {linear}"
    return f"{after} better than {linear} by {decimal(found.difference)}"


def flattered(mean: float, corrected: float) -> str:
    """Returns what is left of a winner's `mean` where the luck of being chosen is taken off."""
    return (
        f"the winner's {decimal(mean)} is the best of several and looks too good: corrected for the luck of "
        f"being chosen it is about {decimal(corrected)} (bootstrap over the validation rows)"
    )


def _best_value(winner: str, compared: _Compared, named: int) -> str:
    equal = [label for label, found in compared if abs(found.difference) < _EQUAL]
    if not equal:
        return f"{winner} has the best value"
    return (
        f"{winner} shares the best value with {_names(equal, named)}, the first of them counts as the winner"
    )


def _clear(selection: Selection, winner: str, compared: _Compared, named: int) -> str:
    closest, found = min(compared, key=_difference)
    alone = len(compared) == 1
    than, against = (closest, "") if alone else ("every other", f" against the closest, {closest}")
    # of several the closest is told: it is better than each of the others by more
    by = f"{decimal(found.difference)}{'' if alone else ' or more'}"
    facts = f"{_interval(selection, found)}{against}; {_basis(selection, found)}"
    return f"{winner} wins clearly: better than {than} by {by} ({facts})"


def _equivalent(selection: Selection, winner: str, compared: _Compared, named: int) -> str:
    ties = _ties(compared)
    others = _names([label for label, _ in ties], named)
    farthest = max((found for _, found in ties), key=lambda found: abs(found.difference))
    largest = "difference" if len(ties) == 1 else "largest difference"
    are = "is" if len(ties) == 1 else "are"
    return (
        f"{winner} has the best mean, and {others} {are} equivalent: they differ "
        f"by less than {selection.margin:g} ({largest} {decimal(farthest.difference)}; "
        f"{_basis(selection, farthest)}){_better_than_rest(compared)}"
    )


def _undecided(selection: Selection, winner: str, compared: _Compared, named: int) -> str:
    ties = [pair for pair in _ties(compared) if pair[1].undecided]
    return (
        f"undecided, too few repeats: {winner} has the best mean, not told apart from "
        f"{_names([label for label, _ in ties], named)} ({_closest(selection, ties, named)})"
        f"{_better_than_rest(compared)}; about {selection.needed} repeats would tell"
    )


def _tied(selection: Selection, winner: str, compared: _Compared, named: int) -> str:
    ties = _ties(compared)
    others = _names([label for label, _ in ties], named)
    facts = _closest(selection, ties, named)
    return f"{winner} has the best mean, tied with {others} ({facts}){_better_than_rest(compared)}"


def _ties(compared: _Compared) -> list[tuple[str, Comparison]]:
    return [pair for pair in compared if pair[1].tied is not False]


def _better_than_rest(compared: _Compared) -> str:
    rest = len(compared) - len(_ties(compared))
    return f"; better than the other {rest if rest > 1 else 'one'}" if rest else ""


def _closest(selection: Selection, ties: _Compared, named: int) -> str:
    closest, found = min(ties, key=_difference)
    to = "" if len(ties) == 1 else f" to the closest, {closest}:" if named else " to the closest"
    unseen = _unseen(found)
    return (
        f"difference{to} {decimal(found.difference)}, {_interval(selection, found)}; "
        f"{_basis(selection, found)}{unseen}"
    )


def _unseen(found: Comparison) -> str:
    """Says which difference could not have been seen: one within half of the interval's width."""
    if found.interval is None or found.interval[0] == found.interval[1]:
        return ""
    half = (found.interval[1] - found.interval[0]) / 2
    return f", which cannot tell differences below {decimal(half)}"


def _difference(pair: tuple[str, Comparison]) -> float:
    return pair[1].difference


def _interval(selection: Selection, found: Comparison) -> str:
    if found.interval is None:
        return "no interval"
    return f"{confidence(selection.level)} {low_to_high(found.interval)}"


def _basis(selection: Selection, found: Comparison) -> str:
    repeats = max(1, found.runs // selection.folds)
    counted = "1 repeat" if repeats == 1 else f"{repeats} repeats"
    if selection.folds > 1:
        counted = f"{selection.folds} folds" + (f" with {counted} each" if repeats > 1 else "")
    return counted + (f", corrected for {selection.looks} looks" if selection.looks > 1 else "")


def _names(labels: Sequence[str], named: int) -> str:
    if len(labels) > named:
        return "1 other" if len(labels) == 1 else f"{len(labels)} others"
    return " and ".join(part for part in (", ".join(labels[:-1]), labels[-1]) if part)
