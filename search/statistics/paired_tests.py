"""Paired tests of one configuration against others, and the repeats that it would take to decide them."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

RunId = tuple[str, int]
Scores = Mapping[RunId, float]

LEVEL = 0.05
MARGIN = 0.005  # half a per cent of the images
MOST_REPEATS = 100  # more are not worth asking for: what they would tell does not matter
_AS_GOOD_AS_EQUAL = 0.1  # of the spread
POWER = 0.8  # the chance with which the number of repeats that would tell does so

_RESOLUTION = 1e-9  # rounding of float sums; an accuracy on fewer than 10^9 images moves in larger steps


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The winner against one other candidate, on the `runs` that both have.

    `difference` is the mean of winner less other. `p_value` is two-sided and corrected for the number of
    comparisons and of looks; `tied` says that it is above the level. `interval` holds the difference with
    the confidence at which the pair was tested, so it excludes 0 exactly where `tied` is False. All three
    are None with one shared split and seed or none; the interval also where all differences are the same.
    `equivalent` says that the difference lies within the margin; None where nothing was tested. `needed` is
    the number of repeats that would probably tell the two apart or make them equivalent, of those that are
    neither; None where that takes more than MOST_REPEATS, or other folds.
    """

    difference: float
    runs: int
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    tied: bool | None = None
    equivalent: bool | None = None
    needed: int | None = None

    @property
    def undecided(self) -> bool:
        """Whether the two were neither told apart nor found equivalent."""
        return self.tied is not False and not self.equivalent


@dataclass(frozen=True)
class Pair:
    """Test of a difference before any correction.

    `p_apart` is of the two one-sided tests that the difference lies outside the margin.
    """

    difference: float
    error: float = 0.0  # the standard error of the difference
    freedom: int = 0
    p_value: float | None = None
    p_apart: float = 1.0
    runs: int = 0
    repeats: int = 0
    splits: int = 1


@dataclass(frozen=True)
class Rule:
    """Rule of all comparisons of a selection; `shares` of the level go by a pair's number of repeats.

    Raises ValueError where `level` is not between 0 and 1, and where `margin` is negative or not finite.
    """

    level: float
    margin: float
    shares: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"the level of a test must lie between 0 and 1, received {self.level!r}")
        if not 0 <= self.margin < math.inf:
            raise ValueError(f"a margin must be 0 or more, received {self.margin!r}")

    @property
    def looks(self) -> int:
        """The number of looks for which p values are corrected."""
        return max(1, len(self.shares))

    def share(self, pair: Pair) -> float:
        """Returns the share of the level that a pair may spend."""
        return self.shares.get(pair.repeats, 1.0)


def compare(pairs: Sequence[Pair], rule: Rule) -> list[Comparison]:
    """Returns the comparisons of `pairs`, corrected for their number."""
    # an untested pair (one shared run) counts as not told apart
    apart = [1.0 if pair.p_value is None else min(1.0, pair.p_value / rule.share(pair)) for pair in pairs]
    within = [min(1.0, pair.p_apart / rule.share(pair)) for pair in pairs]
    p_values, corrections = _hochberg(apart, rule.level)
    equivalent, _ = _holm(within)
    return [
        _comparison(pair, p_value, equal <= rule.level, correction, rule)
        for pair, p_value, equal, correction in zip(pairs, p_values, equivalent, corrections, strict=True)
    ]


def _hochberg(p_values: Sequence[float], level: float) -> tuple[list[float], list[int]]:
    """Returns Hochberg's adjusted p values, and by how much each pair's level is divided in the end."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    adjusted, corrections = [1.0] * len(p_values), [1] * len(p_values)
    smallest, told_apart_at = 1.0, 0
    for correction, number in enumerate(order, start=1):
        smallest = min(smallest, correction * p_values[number])
        adjusted[number] = smallest
        # he goes up from the largest: where one is told apart, all below it are, at its level
        if smallest <= level and not told_apart_at:
            told_apart_at = correction
        corrections[number] = told_apart_at or correction
    return adjusted, corrections


def _holm(p_values: Sequence[float]) -> tuple[list[float], list[int]]:
    """Returns Holm's adjusted p values, and the number of comparisons that each was corrected for."""
    adjusted, corrections = [1.0] * len(p_values), [1] * len(p_values)
    largest = 0.0
    for step, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        corrections[number] = len(p_values) - step
        largest = max(largest, min(1.0, corrections[number] * p_values[number]))
        adjusted[number] = largest
    return adjusted, corrections


def _comparison(pair: Pair, p_value: float, equivalent: bool, correction: int, rule: Rule) -> Comparison:
    from scipy import special  # slow: completion does without

    if pair.p_value is None:
        return Comparison(difference=pair.difference, runs=pair.runs)
    interval = None
    if pair.error > 0:
        level = rule.level * rule.share(pair) / correction
        width = pair.error * float(special.stdtrit(pair.freedom, 1 - level / 2))
        interval = (pair.difference - width, pair.difference + width)
    elif pair.difference == 0:
        interval = (0.0, 0.0)
    tied = p_value > rule.level
    return Comparison(
        difference=pair.difference,
        runs=pair.runs,
        interval=interval,
        p_value=p_value,
        tied=tied,
        equivalent=tied and equivalent,
        needed=repeats_needed(pair, correction, rule) if tied and not equivalent else None,
    )


def repeats_needed(pair: Pair, correction: int, rule: Rule) -> int | None:
    """Returns how many repeats would tell a pair apart, or equivalent, with the chance POWER.

    It takes the difference and the spread that were seen for the true ones. None where more than
    MOST_REPEATS are needed, and on several splits, where more seeds tell nothing of other splits.
    """
    if pair.splits > 1 or pair.repeats < 2:
        return None
    difference, spread = abs(pair.difference), pair.error * math.sqrt(pair.repeats)
    more, level = range(pair.repeats + 1, MOST_REPEATS + 1), rule.level / correction
    if spread == 0:  # the sign test
        power = 1 if difference >= rule.margin else 0
        return next((number for number in more if 2.0 ** (power - number) <= level), None)
    apart, within, within_if_equal = (_distances(level)[kind][pair.repeats - 1 :] for kind in range(3))
    steps = _distances(level)[3][pair.repeats - 1 :] / spread
    # two values that are the same may leave the margin on either side
    needed = within_if_equal if difference < spread * _AS_GOOD_AS_EQUAL else within
    told = (difference * steps >= apart) | ((rule.margin - difference) * steps >= needed)
    return more[int(told.argmax())] if told.any() else None


@functools.lru_cache(maxsize=64)
def _distances(level: float) -> Any:
    """Returns in standard errors how far a difference must be from 0, or from the margin, to be told.

    An array `(4, n)` for 2 to MOST_REPEATS repeats: apart, within the margin, within it where the values are
    the same, and the root of the number of repeats.
    """
    import numpy as np  # late as above
    from scipy import special

    numbers = np.arange(2, MOST_REPEATS + 1)
    freedom = numbers - 1
    two_sided, one_sided = (special.stdtrit(freedom, 1 - tail) for tail in (level / 2, level))
    sure, both_sure = (special.stdtrit(freedom, chance) for chance in (POWER, (1 + POWER) / 2))
    return np.array([two_sided + sure, one_sided + sure, one_sided + both_sure, np.sqrt(numbers)])


def paired(best: Scores, other: Scores, margin: float) -> Pair:
    """Returns the test of `best` less `other` on the runs that both have."""
    from data_prep.splits import VALIDATION_SHARE  # late: it loads pandas, which readers do without

    of_split: dict[str, list[float]] = {}
    for run in best:
        if run in other:
            of_split.setdefault(run[0], []).append(best[run] - other[run])
    runs = sum(map(len, of_split.values()))
    if runs == 0:
        return Pair(fmean(best.values()) - fmean(other.values()))  # nothing to pair: no test
    splits = len(of_split)
    if splits == 1:
        (differences,) = of_split.values()  # one training set: nothing overlaps
        pair = _tested(differences, 0.0, margin)
    else:
        ratio = max(VALIDATION_SHARE / (1 - VALIDATION_SHARE), 1 / (splits - 1))
        pair = _tested([fmean(of_seeds) for of_seeds in of_split.values()], ratio, margin)
    return replace(pair, runs=runs, repeats=runs // splits, splits=splits)


def _tested(differences: Sequence[float], ratio: float, margin: float) -> Pair:
    from scipy import special  # late as above

    count, difference = len(differences), fmean(differences)
    if count < 2:
        return Pair(difference)
    # fsum is exact, so the order of the runs does not matter
    spread = math.sqrt(math.fsum((value - difference) ** 2 for value in differences) / (count - 1))
    distance = abs(difference)
    if spread > _RESOLUTION:
        error = spread * math.sqrt(1 / count + ratio)
        apart, within = special.stdtr(count - 1, [-distance / error, -(margin - distance) / error])
        return Pair(difference, error, count - 1, 2 * float(apart), float(within) if margin else 1.0)
    within = 2.0**-count if not ratio and distance < margin else 1.0
    if distance <= _RESOLUTION:
        return Pair(0.0, p_value=1.0, p_apart=within)
    return Pair(difference, p_value=1.0 if ratio else 2.0 ** (1 - count), p_apart=within)
