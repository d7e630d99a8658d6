"""Intervals by groups: as wide as the groups are few, and right where Wilson's over images is not."""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.group_bootstrap import interval_of_mean_share, interval_of_share, intervals_of_ratios


def of_groups(rng: np.random.Generator, groups: int, size: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Returns hits of images whose groups are right in 0.8 on average, each in a share of its own."""
    shares = rng.beta(1.6, 0.4, groups)
    return (rng.random((groups, size)) < shares[:, None]).ravel(), np.repeat(np.arange(groups), size)


def covers(interval: tuple[float, float], share: float) -> bool:
    return interval[0] <= share <= interval[1]


def test_interval_by_groups_holds_the_share_where_one_over_images_does_not() -> None:
    rng = np.random.default_rng(1)
    drawn = [of_groups(rng, 40) for _ in range(200)]
    by_group = np.mean([covers(interval_of_share(hits, groups), 0.8) for hits, groups in drawn])
    by_image = np.mean([covers(interval_of_share(hits, np.arange(400)), 0.8) for hits, _ in drawn])
    assert by_group >= 0.9
    assert by_image < 0.75


def test_images_of_their_own_have_about_wilsons_interval() -> None:
    hits = np.arange(500) < 400
    assert interval_of_share(hits, np.arange(500)) == pytest.approx((0.7627, 0.8327), abs=0.006)


@pytest.mark.parametrize(("hits", "bound"), [(np.ones(40), 1), (np.zeros(40), 0)])
def test_where_every_drawing_is_the_same_wilsons_interval_counts_groups(hits: np.ndarray, bound: int) -> None:
    few, many = (interval_of_share(hits, np.arange(40) % groups) for groups in (5, 40))
    assert few[bound] == many[bound] == bound
    assert few[1] - few[0] > 2 * (many[1] - many[0])


def test_ratios_are_of_what_counts_column_by_column() -> None:
    rng = np.random.default_rng(1)
    labels, said, groups = rng.random(400) < 0.3, rng.random(400) < 0.5, np.arange(400) // 4
    above = np.stack([labels & said, labels & said, labels], axis=1)
    below = np.stack([labels, said, np.zeros(400, bool)], axis=1)
    recall, precision, unknown = intervals_of_ratios(above, below, groups)
    assert recall
    assert precision
    assert covers(recall, said[labels].mean())
    assert covers(precision, labels[said].mean())
    assert recall == pytest.approx(interval_of_share(said[labels], groups[labels]), abs=0.03)
    assert unknown is None


def test_mean_of_parts_counts_each_part_alike() -> None:
    large, small = np.arange(300) % 7 > 0, np.arange(20) % 7 == 0
    low, high = interval_of_mean_share([(large, np.arange(300) // 2), (small, np.arange(20) // 2)])
    assert low < (large.mean() + small.mean()) / 2 < high
    assert high < interval_of_share(large, np.arange(300) // 2)[0]


def test_interval_is_the_same_each_time() -> None:
    hits, groups = of_groups(np.random.default_rng(1), 30)
    assert interval_of_share(hits, groups) == interval_of_share(hits, groups)


def test_more_groups_than_fit_at_once_are_drawn_in_turns() -> None:
    hits = np.arange(30_000) % 5 > 0
    assert interval_of_share(hits, np.arange(30_000)) == pytest.approx((0.7954, 0.8045), abs=0.0008)


def test_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match=r"a row for each image's group, received shapes \(3, 1\), .*\(2,\)"):
        interval_of_share([1, 0, 1], [0, 1])


def test_share_of_nothing() -> None:
    with pytest.raises(ValueError, match="a share needs at least one image, received none"):
        interval_of_share([], [])
