"""Verdict of a selection in the words that tables, JSON and report share."""

from __future__ import annotations

from collections.abc import Sequence

from search.statistics.number_text import confidence, decimal, low_to_high
from search.statistics.selection import Comparison, Selection

SINGLE_RUNS = "one run each, so it may be chance"
_NAMED = 4
_EQUAL = 1e-9  # rounding of float sums; an accuracy moves in larger steps


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
    if selection.verdict == "clear":
        return _clear(selection, winner, compared) + suffix
    return _tied(selection, winner, compared, named) + suffix


def _best_value(winner: str, compared: Sequence[tuple[str, Comparison]], named: int) -> str:
    equal = [label for label, found in compared if abs(found.difference) < _EQUAL]
    if not equal:
        return f"{winner} has the best value"
    return (
        f"{winner} shares the best value with {_names(equal, named)}, the first of them counts as the winner"
    )


def _clear(selection: Selection, winner: str, compared: Sequence[tuple[str, Comparison]]) -> str:
    closest, found = min(compared, key=_difference)
    alone = len(compared) == 1
    than, against = (closest, "") if alone else ("every other", f" against the closest, {closest}")
    # of several the closest is told: it is better than each of the others by more
    by = f"{decimal(found.difference)}{'' if alone else ' or more'}"
    facts = f"{_interval(selection, found)}{against}; {_basis(selection, found)}"
    return f"{winner} wins clearly: better than {than} by {by} ({facts})"


def _tied(selection: Selection, winner: str, compared: Sequence[tuple[str, Comparison]], named: int) -> str:
    ties = [pair for pair in compared if pair[1].tied is not False]
    closest, found = min(ties, key=_difference)
    to = "" if len(ties) == 1 else f" to the closest, {closest}:" if named else " to the closest"
    difference = f"difference{to} {decimal(found.difference)}"
    facts = f"{difference}, {_interval(selection, found)}; {_basis(selection, found)}"
    rest = len(compared) - len(ties)
    better = f"; better than the other {rest if rest > 1 else 'one'}" if rest else ""
    others = _names([label for label, _ in ties], named)
    return f"{winner} has the best mean, tied with {others} ({facts}){better}"


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
