"""Intervals of shares of images that take the images of one group as correlated: the cluster bootstrap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
DRAWS = 1000
SEED = 7
_AT_ONCE = 4_000_000  # drawn groups in memory

Interval = tuple[float, float]
_Floats = NDArray[np.float64]
_Sums = tuple[_Floats, _Floats]  # of what counts above and below in each group, `(groups, k)`


def interval_of_share(hits: ArrayLike, groups: ArrayLike) -> Interval:
    """Returns the 95 % interval of the share of `hits` `(n,)`; `groups` are as for `intervals_of_ratios`.

    Raises ValueError where lengths differ and where there is no image.
    """
    return interval_of_mean_share([(hits, groups)])


def interval_of_mean_share(parts: Sequence[tuple[ArrayLike, ArrayLike]]) -> Interval:
    """Returns the interval of the mean over `parts`, such as folds, of the share of hits of each.

    A part has its hits and groups as in `interval_of_share`; groups are drawn within their part.
    """
    sums = []
    for hits, groups in parts:
        right = np.asarray(hits, np.float64)[:, None]
        sums.append(_sums_of_groups(right, np.ones_like(right), groups))
    (found,) = _intervals(sums)
    if found is None:
        raise ValueError("a share needs at least one image, received none")
    return found


def intervals_of_ratios(above: ArrayLike, below: ArrayLike, groups: ArrayLike) -> list[Interval | None]:
    """Returns the 95 % interval of each column's sum of `above` over that of `below`, None where that is 0.

    Both are `(n, k)`, counts from 0 for each image; images with the same number or name in `groups` `(n,)`
    are drawn together. Recall is such a ratio, and precision and F1: twice the right ones over those of the
    class and those said to be.

    Groups are drawn with repetition (Field and Welsh 2007, Bootstrapping clustered data, Journal of the
    Royal Statistical Society B 69). The interval is that of the percentiles, widened by sqrt(G / (G - 1)),
    as drawings of G groups vary by so much less than groups do. Where every drawing gives the same, such as
    where all are right, it is Wilson's (1927) with groups as its observations.

    Raises ValueError where shapes differ.
    """
    return _intervals([_sums_of_groups(np.asarray(above, float), np.asarray(below, float), groups)])


def _sums_of_groups(above: _Floats, below: _Floats, groups: ArrayLike) -> _Sums:
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    if above.shape != below.shape or len(above) != len(codes):
        shapes = f"{above.shape}, {below.shape} and {codes.shape}"
        raise ValueError(f"what is counted must have a row for each image's group, received shapes {shapes}")
    sums = np.zeros((2, len(names), above.shape[1]))
    # not sums[0][codes] += above, which adds one image of each group
    np.add.at(sums[0], codes, above)
    np.add.at(sums[1], codes, below)
    return sums[0], sums[1]


def _intervals(parts: Sequence[_Sums]) -> list[Interval | None]:
    counted = np.all([below.sum(0) > 0 for _, below in parts], axis=0)
    if not counted.any():
        return [None] * counted.size
    parts = [(above[:, counted], below[:, counted]) for above, below in parts]
    ratios = np.mean([above.sum(0) / below.sum(0) for above, below in parts], axis=0)
    sizes = np.sum([(below > 0).sum(0) for _, below in parts], axis=0)
    drawn = np.mean([_drawn(*part, number) for number, part in enumerate(parts)], axis=0)
    tail = (1 - CONFIDENCE) / 2
    lows, highs = np.quantile(drawn, [tail, 1 - tail], axis=0)
    found = iter(
        [
            _widened(ratio, ends, size, len(parts))
            for ratio, size, *ends in zip(ratios, sizes, lows, highs, strict=True)
        ]
    )
    return [next(found) if known else None for known in counted]


def _widened(ratio: float, ends: Sequence[float], size: int, parts: int) -> Interval:
    low, high = ends
    if low == high:
        return _wilson(ratio, size)
    wider = np.sqrt(size / max(1, size - parts))
    return max(0.0, float(ratio - wider * (ratio - low))), min(1.0, float(ratio + wider * (high - ratio)))


def _drawn(above: _Floats, below: _Floats, part: int) -> _Floats:
    """Returns the ratio of each column in each drawing, `(DRAWS, k)`."""
    ratio = above.sum(0) / below.sum(0)
    found = []
    for counts in _drawings(len(below), part):
        size = counts @ below
        # where a class is in few groups, a drawing may have none of them
        found.append(np.where(size > 0, (counts @ above) / np.where(size > 0, size, 1), ratio))
    return np.concatenate(found)


def _drawings(groups: int, part: int) -> Iterator[_Floats]:
    """Yields how often each group is drawn, `(drawings, groups)`, DRAWS drawings in all."""
    # a stream for each part: those with as many groups would draw alike
    generator, left = np.random.default_rng((SEED, part)), DRAWS
    while left:
        count = min(left, max(1, _AT_ONCE // groups))
        # all drawings in one bincount: each has numbers of its own
        drawn = generator.integers(groups, size=(count, groups)) + groups * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * groups).reshape(count, groups).astype(np.float64)
        left -= count


def _wilson(share: float, size: int) -> Interval:
    from scipy.stats import binomtest  # slow: completion does without

    found: Any = binomtest(round(share * size), int(size)).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)
