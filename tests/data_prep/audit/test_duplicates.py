from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from data_prep.audit.alike import equal_groups
from data_prep.audit.duplicates import equal_files, equal_pictures, near_features, near_pictures
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look
from data_prep.splits import Split

Make = Callable[..., Manifest]
MakeLooks = Callable[..., list[Look]]

# of the 60 rows: a pair that is in order, one of two classes on both sides, one of two classes on one side
PAIRS = {1: 0, 59: 7, 6: 3}


@pytest.fixture
def manifest(made_manifest: Make) -> Manifest:
    """Three pairs of equal files among 60 rows of the classes cat and dog."""
    made = made_manifest()
    digests = list(made.image_digests)
    for copy, of in PAIRS.items():
        digests[copy] = digests[of]
    return replace(made, image_digests=tuple(digests))


@pytest.fixture
def split() -> Split:
    return Split("random", np.arange(48), np.arange(48, 60), np.arange(0), 0)


def test_equal_files_are_counted_across_classes_and_across_the_split(
    manifest: Manifest, split: Split
) -> None:
    found = equal_files(manifest, [split])
    assert found.counts == {"groups": 3, "pictures": 6, "across_classes": 2, "across_split": 1}
    assert found.warns


def test_equal_files_with_two_classes_come_first_and_say_so(manifest: Manifest, split: Split) -> None:
    first, second, last = equal_files(manifest, [split]).groups
    assert (first.rows, first.says) == ((7, 59), "more than one class, both sides of the split")
    assert (second.rows, second.says) == ((3, 6), "more than one class")
    assert (last.rows, last.says) == ((0, 1), "")


def test_equal_files_on_one_side_of_one_class_are_no_warning(made_manifest: Make, split: Split) -> None:
    made = made_manifest()
    twice = replace(made, image_digests=(made.image_digests[1], *made.image_digests[1:]))
    found = equal_files(twice, [split])
    assert (found.sentence, found.warns) == ("1 group of 2 pictures", False)


def test_no_equal_files_are_none(made_manifest: Make, split: Split) -> None:
    assert equal_files(made_manifest(), [split]).sentence == "none"


def test_equal_pictures_are_those_in_other_files(
    manifest: Manifest, split: Split, made_looks: MakeLooks
) -> None:
    looks = made_looks(60)
    for copy, of in {**PAIRS, 30: 20}.items():
        looks[copy] = looks[of]
    assert [group.rows for group in equal_pictures(manifest, [split], looks).groups] == [(20, 30)]


def test_near_pictures_are_those_with_other_pixels(
    manifest: Manifest, split: Split, made_looks: MakeLooks
) -> None:
    looks = made_looks(60)
    looks[1] = looks[0]
    near = np.full(60, -1, dtype=np.int32)
    near[[0, 1]], near[[20, 30]] = 0, 1
    assert [group.rows for group in near_pictures(manifest, [split], near, looks).groups] == [(20, 30)]


def test_near_features_are_those_that_the_hashes_did_not_find(made_manifest: Make) -> None:
    near = np.full(60, -1, dtype=np.int32)
    near[[0, 1]] = 0
    by_network = equal_groups(["a", "a", "b", "b", *map(str, range(56))])
    assert [group.rows for group in near_features(made_manifest(), [], by_network, near).groups] == [(2, 3)]
