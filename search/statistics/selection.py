"""Selection of a winner, and how sure it is: paired comparisons of the best configuration with every other.

What to expect, as measured by `tests/search/statistics/test_selection.py` (level 0.05, normal noise, a larger
effect of the seed common to all). Of studies with equal configurations, 5 % claim a winner among two, which
is the level (a race: 4 %), with or without others far behind them, and below 0.5 % among four or six. Over
five folds the same holds up to the correlation between folds that the correction assumes, 0.2; at 0.5 two
equal configurations get a winner in 17 % of studies, four or six in 3 % or fewer. A configuration that is
better by two standard deviations of the noise wins clearly in this share of studies:

    configurations   3 repeats   5 repeats   10 repeats   race to 10, and its share of all runs
    2                0.30        0.65        0.97         0.94   0.80
    4                0.03        0.33        0.92         0.84   0.88
    6                0.01        0.17        0.88         0.77   0.91
    6, 3 far behind                                       0.89   0.66

So three repeats tell only large differences. "Tied" means not told apart, not equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from data_prep.splits import VALIDATION_SHARE

RunId = tuple[str, int]
Scores = Mapping[RunId, float]
Verdict = Literal["clear", "tied", "single", "none"]

LEVEL = 0.05
RACE_START = 3
RACE_MAXIMUM = 10

_RESOLUTION = 1e-9  # rounding of float sums; an accuracy on fewer than 10^9 images moves in larger steps
_LAST_SHARE = 0.5  # of the level, kept for a race's last look


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The winner against one other candidate, on the `runs` that both have.

    `difference` is the mean of winner less other. `p_value` is two-sided and corrected for the number of
    comparisons and of looks; `tied` says that it is above the level. `interval` holds the difference with
    the confidence at which the pair was tested, so it excludes 0 exactly where `tied` is False. All three
    are None with one shared split and seed or none; the interval also where all differences are the same.
    """

    difference: float
    runs: int
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    tied: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The index of the winner, what may be said of it, and its comparisons in the candidates' order.

    `winner` is None and `verdict` "none" where no candidate finished. "clear": told apart from every other
    candidate that finished; "tied": not from all; "single": there is nothing to test, one run each or no
    second candidate. A comparison is None for the winner and for candidates that failed. `folds` is the
    number of splits, `looks` that of the looks at a race for which the p values are corrected.
    """

    winner: int | None
    verdict: Verdict
    comparisons: tuple[Comparison | None, ...]
    level: float = LEVEL
    folds: int = 1
    looks: int = 1


@dataclass(frozen=True, kw_only=True)
class Race:
    """The candidates that need their next seed (none: the race is over), and the selection so far.

    Before the first look the selection's verdict is "none".
    """

    need: tuple[int, ...]
    selection: Selection


@dataclass(frozen=True)
class _Pair:
    difference: float
    error: float = 0.0  # the standard error of the difference
    freedom: int = 0
    p_value: float | None = None
    runs: int = 0
    repeats: int = 0


def select(scores: Sequence[Scores], *, level: float = LEVEL) -> Selection:
    """Returns the candidate with the best mean, and those from which a paired test tells it apart.

    `scores` holds for each candidate the score of every run by split and seed; more is better. A candidate
    without a run, or with a score that is not finite, failed. Of several with the same mean the first wins;
    where candidates differ in their number of runs, one with the most wins, because a race gives no more
    runs to those that it told apart, and their mean is over other seeds.

    One split: Student's paired t-test over the seeds. Several: training sets overlap, so differences are
    correlated over splits; the corrected resampled t-test (Nadeau & Bengio 2003, Inference for the
    Generalization Error, Machine Learning 52) puts 1/K + n_validation/n_train for the variance's 1/K. The
    ratio is that of our splits, or 1/(K - 1) where that is larger. Seeds are averaged within a split
    first, which leaves K - 1 degrees of freedom: more seeds on the same K splits say nothing about other
    splits, so counting them as runs (as for repeated cross-validation, whose parts are drawn anew) would
    claim too much. P values are corrected for the number of comparisons (Holm 1979).

    Differences that are all the same have no spread to test by, which says little where a score moves in
    steps (an accuracy on few images): p is 1 where they are 0, else that of the sign test, 2^(1 - n) for n
    seeds, and 1 on several splits, where the sign test's independence fails as well.

    Raises ValueError where `level` is not between 0 and 1.
    """
    _require_level(level)
    return _select(scores, level, {})


def race(scores: Sequence[Scores], *, maximum: int = RACE_MAXIMUM, level: float = LEVEL) -> Race:
    """Returns the candidates that need another seed to tell the best from the rest, and the selection so far.

    All candidates start with 3 seeds. Then comes a look after each seed: those told apart from the best
    leave and stay out, the others get their next seed, up to `maximum`. Every look could claim a winner by
    chance, so the level is spent once (a Bonferroni correction with weights): half of it at the last look,
    which has the most seeds to tell by, the other half in equal parts at those before. A pair's p value is
    divided by the share of the last look that had both, in the final selection as well.

    `scores` are as for `select`, but an empty mapping stands for a candidate that has not run yet. Every
    candidate has the first seeds of one common list, in its order, each on all splits. The race is run
    again from its start at each call: it depends on the scores alone, a broken one goes on where it was,
    and seeds beyond those that it would have asked for are left out.

    Raises ValueError where `level` is not between 0 and 1 and where `maximum` is below 3.
    """
    _require_level(level)
    if maximum < RACE_START:
        raise ValueError(f"a race needs a maximum of at least {RACE_START} repeats, received {maximum}")
    shares = _shares(maximum)
    rounds = _rounds(scores)
    racing = [number for number, runs in enumerate(scores) if _is_finite(runs)]
    raced: list[Scores] = [{} for _ in scores]
    selection = _select(raced, level, shares)
    for repeats in range(RACE_START, maximum + 1):
        need = tuple(number for number in racing if _repeats(scores[number], rounds) < repeats)
        if need:
            return Race(need=need, selection=selection)
        for number in racing:
            raced[number] = {run: scores[number][run] for runs in rounds[:repeats] for run in runs}
        selection = _select(raced, level, shares)
        racing = [number for number in racing if _may_be_best(selection, number)]
        if len(racing) < 2:  # the best has nobody left to be told from
            break
    return Race(need=(), selection=selection)


def _select(scores: Sequence[Scores], level: float, shares: Mapping[int, float]) -> Selection:
    """`shares` of the level by the number of repeats of a pair; 1 where there is none."""
    looks = max(1, len(shares))
    finished = [number for number, runs in enumerate(scores) if runs and _is_finite(runs)]
    if not finished:
        return Selection(
            winner=None, verdict="none", comparisons=(None,) * len(scores), level=level, looks=looks
        )
    most = max(len(scores[number]) for number in finished)
    longest = [number for number in finished if len(scores[number]) == most]
    winner = max(longest, key=lambda number: fmean(scores[number].values()))
    others = [number for number in finished if number != winner]
    found = _compare([_pair(scores[winner], scores[number]) for number in others], level, shares)
    of_candidate = dict(zip(others, found, strict=True))
    return Selection(
        winner=winner,
        verdict=_verdict(found),
        comparisons=tuple(of_candidate.get(number) for number in range(len(scores))),
        level=level,
        folds=len({split for split, _ in scores[winner]}),
        looks=looks,
    )


def _verdict(found: Sequence[Comparison]) -> Verdict:
    if all(comparison.p_value is None for comparison in found):
        return "single"
    return "clear" if all(comparison.tied is False for comparison in found) else "tied"


def _compare(pairs: Sequence[_Pair], level: float, shares: Mapping[int, float]) -> list[Comparison]:
    """Holm's steps from the smallest p value; where he stops, the correction stays for the rest."""
    found: dict[int, Comparison] = {}
    p_value, correction = 0.0, 1
    spent = [shares.get(pair.repeats, 1.0) for pair in pairs]
    p_values = [
        1.0 if pair.p_value is None else min(1.0, pair.p_value / share)
        for pair, share in zip(pairs, spent, strict=True)
    ]
    for step, number in enumerate(sorted(range(len(pairs)), key=p_values.__getitem__)):
        if p_value <= level:  # all before were told apart, so fewer comparisons are left
            correction = len(pairs) - step
        # never below that of an earlier step: Holm's adjusted p values rise
        p_value = max(p_value, min(1.0, (len(pairs) - step) * p_values[number]))
        found[number] = _comparison(pairs[number], p_value, level, correction / spent[number])
    return [found[number] for number in range(len(pairs))]


def _comparison(pair: _Pair, p_value: float, level: float, correction: float) -> Comparison:
    from scipy import special  # slow: completion does without

    if pair.p_value is None:
        return Comparison(difference=pair.difference, runs=pair.runs)
    interval = None
    if pair.error > 0:
        width = pair.error * float(special.stdtrit(pair.freedom, 1 - level / correction / 2))
        interval = (pair.difference - width, pair.difference + width)
    elif pair.difference == 0:
        interval = (0.0, 0.0)
    return Comparison(
        difference=pair.difference, runs=pair.runs, interval=interval, p_value=p_value, tied=p_value > level
    )


def _pair(best: Scores, other: Scores) -> _Pair:
    of_split: dict[str, list[float]] = {}
    for run in best:
        if run in other:
            of_split.setdefault(run[0], []).append(best[run] - other[run])
    runs = sum(map(len, of_split.values()))
    if runs == 0:
        return _Pair(fmean(best.values()) - fmean(other.values()))  # nothing to pair: no test
    splits = len(of_split)
    if splits == 1:
        (differences,) = of_split.values()  # one training set: nothing overlaps
        pair = _tested(differences, ratio=0.0)
    else:
        ratio = max(VALIDATION_SHARE / (1 - VALIDATION_SHARE), 1 / (splits - 1))
        pair = _tested([fmean(of_seeds) for of_seeds in of_split.values()], ratio)
    return replace(pair, runs=runs, repeats=runs // splits)


def _tested(differences: Sequence[float], ratio: float) -> _Pair:
    from scipy import special  # late as above

    count, difference = len(differences), fmean(differences)
    if count < 2:
        return _Pair(difference)
    # fsum is exact, so the order of the runs does not matter
    spread = math.sqrt(math.fsum((value - difference) ** 2 for value in differences) / (count - 1))
    if spread > _RESOLUTION:
        error = spread * math.sqrt(1 / count + ratio)
        p_value = 2 * float(special.stdtr(count - 1, -abs(difference) / error))
        return _Pair(difference, error, count - 1, p_value)
    if abs(difference) <= _RESOLUTION:
        return _Pair(0.0, p_value=1.0)
    return _Pair(difference, p_value=1.0 if ratio else 2.0 ** (1 - count))


def _may_be_best(selection: Selection, number: int) -> bool:
    comparison = selection.comparisons[number]
    return comparison is None or comparison.tied is not False  # None: the best itself


def _shares(maximum: int) -> dict[int, float]:
    """The share of the level that each look may spend, by its number of repeats."""
    earlier = range(RACE_START, maximum)
    return {maximum: _LAST_SHARE if earlier else 1.0} | {
        repeats: (1 - _LAST_SHARE) / len(earlier) for repeats in earlier
    }


def _rounds(scores: Sequence[Scores]) -> list[list[RunId]]:
    """The runs of each seed, in the seeds' order."""
    runs = [run for candidate in scores for run in candidate]
    splits = dict.fromkeys(split for split, _ in runs)
    return [[(split, seed) for split in splits] for seed in dict.fromkeys(seed for _, seed in runs)]


def _repeats(scores: Scores, rounds: Sequence[Sequence[RunId]]) -> int:
    complete = [all(run in scores for run in runs) for runs in rounds]
    return complete.index(False) if False in complete else len(complete)


def _is_finite(scores: Scores) -> bool:
    return all(map(math.isfinite, scores.values()))


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"the level of a test must lie between 0 and 1, received {level!r}")
