"""Baselines: what costs nothing, and what a search has to be better than to have found anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search.statistics.paired_tests import LEVEL, Comparison, Pair, Rule, Scores, compare, paired
from search.statistics.verdict_text import beside_constant, beside_linear

CONSTANT, LINEAR = "constant", "linear"
NO_GAIN = "no gain"  # the verdict where nothing is better than the constant answer


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """An answer that costs nothing, on the rows that the trials are read on.

    `name` is CONSTANT or LINEAR, `title` what a person calls it; `backbone` is that of the features, empty
    for the constant answer. `accuracies` go by the split's name, as do the `balanced` ones, which are means
    over the classes.
    """

    name: str
    title: str
    backbone: str
    accuracies: Mapping[str, float]
    balanced: Mapping[str, float]

    @property
    def mean(self) -> float:
        """The mean accuracy over the splits."""
        return fmean(self.accuracies.values())

    @property
    def short_title(self) -> str:
        """The title without the backbone, for where there is no other."""
        return self.title.removesuffix(f" on {self.backbone}")


def baselines_of(values: Sequence[Mapping[str, Any]]) -> tuple[Baseline, ...]:
    """Returns the baselines that JSON values spell; raises TypeError for others."""
    return tuple(Baseline(**each) for each in values)


def linear_of(baselines: Sequence[Baseline], backbone: str) -> Baseline | None:
    """Returns the linear classifier on the features of `backbone`, None where there is none."""
    found = (each for each in baselines if each.name == LINEAR and each.backbone == backbone)
    return next(found, None)


def constant_of(baselines: Sequence[Baseline]) -> Baseline | None:
    """Returns the constant answer, None where there is none."""
    return next((each for each in baselines if each.name == CONSTANT), None)


def better_than(scores: Sequence[Scores], reference: Mapping[str, float]) -> bool:
    """Returns whether some candidate is better than the `reference`, which has a score for each split.

    That takes the paired test of `search.statistics.selection.select`, corrected for the number of
    candidates; where there is one run each and nothing to test, the better value.
    """
    pairs = [_beside(runs, reference) for runs in scores if runs and all(map(math.isfinite, runs.values()))]
    found = compare(pairs, Rule(LEVEL, 0.0))
    return any(comparison.difference > 0 and not comparison.tied for comparison in found)


def against(scores: Scores, reference: Mapping[str, float], *, margin: float) -> Comparison:
    """Returns the comparison of one candidate with the `reference`, which has a score for each split."""
    (found,) = compare([_beside(scores, reference, margin)], Rule(LEVEL, margin))
    return found


def beside(
    baselines: Sequence[Baseline],
    scores: Sequence[Scores],
    *,
    winner: int,
    backbone: str,
    decided: tuple[str, str],
    margin: float,
) -> tuple[str, str]:
    """Returns the verdict and its words with what the `baselines` leave of those that were `decided`.

    `scores` are accuracies after the last epoch, which a final model has; the `winner` is one of them and
    has the `backbone`.
    """
    verdict, words = decided
    constant, linear = constant_of(baselines), linear_of(baselines, backbone)
    if constant is None or not any(scores):
        return decided
    if not better_than(scores, constant.accuracies):
        return NO_GAIN, beside_constant(constant.title, constant.mean, words)
    if linear is None or not scores[winner]:
        return decided
    found = against(scores[winner], linear.accuracies, margin=margin)
    return verdict, f"{words}; {beside_linear(found, linear.mean)}"


def _beside(scores: Scores, reference: Mapping[str, float], margin: float = 0.0) -> Pair:
    return paired(scores, {(split, seed): reference[split] for split, seed in scores}, margin)
