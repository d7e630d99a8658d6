"""Baselines: what costs nothing, and what a search has to be better than to have found anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
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


def better_than(scores: Sequence[Scores], reference: Mapping[str, float], judged: Mapping[str, int]) -> bool:
    """Returns whether some candidate is better than the `reference`, which has a score for each split.

    That takes the paired test of `search.statistics.selection.select`, corrected for the number of
    candidates; where there is one run each and nothing to test, the better value. Two or three runs leave
    that test without power, however large the difference is: it is enough, too, if the images can tell, of
    which `judged` has the number for each split, or that of their groups.
    """
    whole = [runs for runs in scores if runs and all(map(math.isfinite, runs.values()))]
    found = compare([_beside(runs, reference) for runs in whole], Rule(LEVEL, 0.0))
    return any(comparison.difference > 0 and not comparison.tied for comparison in found) or any(
        _is_told_by_images(runs, reference, judged, LEVEL / len(whole)) for runs in whole
    )


def _is_told_by_images(
    runs: Scores, reference: Mapping[str, float], judged: Mapping[str, int], level: float
) -> bool:
    """Returns whether the mean of `runs` is above the reference's by more than so few images leave to chance.

    Both are shares of right answers to the same images. Their errors add up, as if one were right where the
    other is wrong, which is the worst case.
    """
    splits = {split for split, _ in runs}
    images = sum(judged[split] for split in splits)
    ours = sum(
        judged[split] * fmean(score for (its, _), score in runs.items() if its == split) for split in splits
    )
    shares = (ours / images, sum(judged[split] * reference[split] for split in splits) / images)
    error = sum(math.sqrt(max(0.0, share * (1 - share)) / images) for share in shares)
    return shares[0] - shares[1] > NormalDist().inv_cdf(1 - level / 2) * error


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
    judged: Mapping[str, int],
) -> tuple[str, str]:
    """Returns the verdict and its words with what the `baselines` leave of those that were `decided`.

    `scores` are accuracies after the last epoch, which a final model has, on images of which `judged` has the
    number for each split, or that of their groups; the `winner` is one of them and has the `backbone`.
    """
    verdict, words = decided
    constant, linear = constant_of(baselines), linear_of(baselines, backbone)
    if constant is None or not any(scores):
        return decided
    if not better_than(scores, constant.accuracies, judged):
        return NO_GAIN, beside_constant(constant.title, constant.mean, words)
    if linear is None or not scores[winner]:
        return decided
    found = against(scores[winner], linear.accuracies, margin=margin)
    return verdict, f"{words}; {beside_linear(found, linear.mean)}"


def _beside(scores: Scores, reference: Mapping[str, float], margin: float = 0.0) -> Pair:
    return paired(scores, {(split, seed): reference[split] for split, seed in scores}, margin)
