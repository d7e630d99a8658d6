from __future__ import annotations

import numpy as np
import pytest

from data_prep import cuts
from data_prep.cuts import Rows, cut_of_share, parts_of_many


def made(groups: int = 3000, rows: int = 10_000, largest: int = 0) -> tuple[Rows, Rows]:
    """Returns labels and groups of rows; the first `largest` rows are of one group."""
    group = np.random.default_rng(1).integers(0, groups, rows)
    group[:largest] = groups
    return (group % 3 == 0).astype(np.int64), group


@pytest.mark.parametrize("classes", [2, 3, 8, 40])
def test_share_is_cut_as_scikit_learn_cuts_it(classes: int) -> None:
    from sklearn.model_selection import train_test_split

    rng = np.random.default_rng(classes)
    for seed in range(100):
        rows = int(rng.integers(10 * classes, 1000 * classes))
        weights = rng.dirichlet(np.full(classes, 3.0)) if seed % 2 else None  # even ones: many equal shares
        drawn = rng.choice(classes, rows - 5 * classes, p=weights) if seed % 2 else np.arange(rows)
        labels = np.concatenate([np.repeat(np.arange(classes), 5), drawn % classes]).astype(np.int64)
        theirs = train_test_split(np.arange(labels.size), test_size=0.2, random_state=seed, stratify=labels)
        for our, their in zip(cut_of_share(labels, 0.2, seed), theirs, strict=True):
            np.testing.assert_array_equal(our, np.sort(their))


@pytest.mark.parametrize("largest", [0, 1500, 4000])
def test_many_groups_are_each_in_one_part(largest: int) -> None:
    labels, groups = made(largest=largest)
    part = parts_of_many(labels, groups, 5, seed=7)
    assert len(np.unique(np.column_stack([groups, part]), axis=0)) == len(np.unique(groups))
    assert set(part) == set(range(5))


@pytest.mark.parametrize("largest", [0, 500])
def test_many_groups_make_parts_of_equal_size_and_classes(largest: int) -> None:
    labels, groups = made(largest=largest)
    part = parts_of_many(labels, groups, 5, seed=7)
    sizes = np.bincount(part)
    shares = [labels[part == number].mean() for number in range(5)]
    assert sizes.max() - sizes.min() < 20
    assert max(shares) - min(shares) < 0.01


def test_many_groups_are_dealt_by_seed() -> None:
    one, two, other = (parts_of_many(*made(), 5, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_cuts_of_many_groups_are_ascending_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "MANY_GROUPS", 10)
    labels, groups = made(groups=30, rows=300)
    found = list(cuts.cuts(labels, groups, 3, seed=7))
    assert sorted(np.concatenate([inside for _, inside in found]).tolist()) == list(range(300))
    for outside, inside in found:
        np.testing.assert_array_equal(np.setdiff1d(np.arange(300), inside), outside)
