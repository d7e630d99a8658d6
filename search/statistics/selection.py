"""Selection of a winner, and how sure it is: paired comparisons of the best configuration with every other.

What to expect, as measured by `tests/search/statistics/test_selection.py` (level 0.05, normal noise, a larger
effect of the seed common to all). Of studies with equal configurations, 5 % claim a winner among two, which
is the level, with or without others far behind them, and below 1 % among four or six. Over five folds the
same holds up to the correlation between folds that the correction assumes, 0.2; at 0.5 two equal
configurations get a winner in 17 % of studies, four or six in 5 % or fewer. Configurations that differ by
the whole margin are called equivalent in 5 % or fewer. A configuration that is better than the next by two
standard deviations of the noise wins clearly in this share of studies:

    configurations            3 repeats   5 repeats   10 repeats   race to 10, and its share of all runs
    2                         0.29        0.66        0.98         0.93   0.68
    4, of them 3 equal        0.05        0.40        0.94         0.85   0.76
    6, of them 5 equal        0.01        0.27        0.92         0.76   0.79
    6, 3 of them far behind                                        0.90   0.57
    6, each 2 below the last                                       0.94   0.54

So three repeats tell only large differences. "Tied" means not told apart, not equal; "equivalent" means so
close that the difference does not matter in practice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from search.statistics.paired_tests import LEVEL, MARGIN, Comparison, Rule, RunId, Scores, compare, paired

Verdict = Literal["clear", "equivalent", "undecided", "tied", "single", "none"]

TESTED: tuple[Verdict, ...] = ("clear", "equivalent", "undecided", "tied")  # where something was compared
RACE_START = 3
RACE_MAXIMUM = 10

# looks at one race resemble each other, so together they may spend more than the level: by their number,
# as much as keeps false winners among two equals below 5 % of 60,000 races
_SPENT = {1: 1.0, 2: 1.1, 3: 1.25, 4: 1.35, 5: 1.45, 6: 1.6, 7: 1.7}
_SPENT_AT_MOST = 1.8


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The index of the winner, what may be said of it, and its comparisons in the candidates' order.

    `winner` is None and `verdict` "none" where no candidate finished. "clear": told apart from every other
    candidate that finished; "equivalent": from all but those that differ by less than `margin`; "undecided":
    more repeats, at most MOST_REPEATS, would tell; "tied": they would not; "single": there is nothing to
    test, one run each or no second candidate. A comparison is None for the winner and for candidates that
    failed. `folds` is the number of splits, `looks` that of the looks at a race for which the p values are
    corrected.
    """

    winner: int | None
    verdict: Verdict
    comparisons: tuple[Comparison | None, ...]
    level: float = LEVEL
    margin: float = MARGIN
    folds: int = 1
    looks: int = 1

    @property
    def needed(self) -> int | None:
        """The number of repeats that would tell; None where nothing is undecided, or none would."""
        numbers = [found.needed for found in self.comparisons if found and found.undecided]
        return max((number for number in numbers if number), default=None) if all(numbers) else None


@dataclass(frozen=True, kw_only=True)
class Race:
    """The candidates that need their next seed (none: the race is over), and the selection so far.

    Before the first look the selection's verdict is "none".
    """

    need: tuple[int, ...]
    selection: Selection


def select(scores: Sequence[Scores], *, level: float = LEVEL, margin: float = MARGIN) -> Selection:
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
    claim too much.

    P values are corrected for the number of comparisons (Hochberg 1988): that the winner is better than all
    others needs each of them told apart at the level and no more (Gutmann & Maymin 1987, Is the Selected
    Population the Best?), that it is better than some of them needs Holm's corrections. The same test with
    the same spread, twice and one-sided, tells whether a difference lies within `margin` (Schuirmann 1987).

    Differences that are all the same have no spread to test by, which says little where a score moves in
    steps (an accuracy on few images): p is 1 where they are 0, else that of the sign test, 2^(1 - n) for n
    seeds, and 1 on several splits, where the sign test's independence fails as well. Within the margin
    they are with p 2^-n.

    Raises ValueError where `level` is not between 0 and 1, and where `margin` is negative or not finite.
    """
    return _select(scores, Rule(level, margin))


def race(
    scores: Sequence[Scores], *, maximum: int = RACE_MAXIMUM, level: float = LEVEL, margin: float = MARGIN
) -> Race:
    """Returns the candidates that need another seed to tell the best from the rest, and the selection so far.

    All candidates start with 3 seeds. Then comes a look after each seed: those told apart from the best
    leave and stay out, the others get their next seed, up to `maximum`, or until all that are left are
    equivalent. Every look could claim a winner by chance, so the level is shared among the looks: a later
    one, which has more seeds to tell by, gets more. A pair's p value is divided by the share of the last
    look that had both, in the final selection as well.

    `scores` are as for `select`, but an empty mapping stands for a candidate that has not run yet. Every
    candidate has the first seeds of one common list, in its order, each on all splits. The race is run
    again from its start at each call: it depends on the scores alone, a broken one goes on where it was,
    and seeds beyond those that it would have asked for are left out.

    Raises ValueError as `select` does, and where `maximum` is below 3.
    """
    if maximum < RACE_START:
        raise ValueError(f"a race needs a maximum of at least {RACE_START} repeats, received {maximum}")
    rule = Rule(level, margin, _shares(maximum))
    rounds = _rounds(scores)
    racing = [number for number, runs in enumerate(scores) if _is_finite(runs)]
    raced: list[Scores] = [{} for _ in scores]
    selection = _select(raced, rule)
    for repeats in range(RACE_START, maximum + 1):
        need = tuple(number for number in racing if _repeats(scores[number], rounds) < repeats)
        if need:
            return Race(need=need, selection=selection)
        for number in racing:
            raced[number] = {run: scores[number][run] for runs in rounds[:repeats] for run in runs}
        selection = _select(raced, rule)
        racing = [number for number in racing if _may_be_best(selection, number)]
        if selection.verdict in ("clear", "equivalent") or len(racing) < 2:
            break
    return Race(need=(), selection=selection)


def _select(scores: Sequence[Scores], rule: Rule) -> Selection:
    finished = [number for number, runs in enumerate(scores) if runs and _is_finite(runs)]
    shared: dict[str, Any] = {"level": rule.level, "margin": rule.margin, "looks": rule.looks}
    if not finished:
        return Selection(winner=None, verdict="none", comparisons=(None,) * len(scores), **shared)
    most = max(len(scores[number]) for number in finished)
    longest = [number for number in finished if len(scores[number]) == most]
    winner = max(longest, key=lambda number: fmean(scores[number].values()))
    others = [number for number in finished if number != winner]
    found = compare([paired(scores[winner], scores[number], rule.margin) for number in others], rule)
    of_candidate = dict(zip(others, found, strict=True))
    return Selection(
        winner=winner,
        verdict=_verdict(found),
        comparisons=tuple(of_candidate.get(number) for number in range(len(scores))),
        folds=len({split for split, _ in scores[winner]}),
        **shared,
    )


def _verdict(found: Sequence[Comparison]) -> Verdict:
    if all(comparison.p_value is None for comparison in found):
        return "single"
    left = [comparison for comparison in found if comparison.tied is not False]
    if not left:
        return "clear"
    open_ones = [comparison for comparison in left if comparison.undecided]
    if not open_ones:
        return "equivalent"
    return "undecided" if all(comparison.needed for comparison in open_ones) else "tied"


def _may_be_best(selection: Selection, number: int) -> bool:
    comparison = selection.comparisons[number]
    return comparison is None or comparison.tied is not False  # None: the best itself


def _shares(maximum: int) -> dict[int, float]:
    """The share of the level that each look may spend, by its number of repeats: 1 : 2 : 3 and so on."""
    looks = range(1, maximum - RACE_START + 2)
    spent = _SPENT.get(len(looks), _SPENT_AT_MOST)
    return {RACE_START - 1 + look: spent * look / sum(looks) for look in looks}


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
