from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_prep.audit.alike import NEAR_BITS, equal_groups, feature_groups, near_groups, rows_of
from data_prep.pictures.look import HASH_BITS, MIRRORED, Look


def look(pixels: str, bits: np.ndarray | None = None) -> Look:
    shape = "" if bits is None else np.packbits(bits).tobytes().hex()
    return Look(pixels=pixels, shape=shape, brightness=100, contrast=50, sharpness=10)


@pytest.fixture
def bits() -> np.ndarray:
    """Five hashes of strangers, bool (5, 255)."""
    return np.random.default_rng(0).random((5, HASH_BITS)) < 0.5


def flipped(bits: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([~bits[:count], bits[count:]])


def test_equal_groups_count_from_the_first_row_and_leave_out_singles() -> None:
    groups = equal_groups(["b", "x", "a", "b", "a", "y"])
    assert groups.tolist() == [0, -1, 1, 0, 1, -1]
    assert rows_of(groups) == [[0, 3], [2, 4]]


def test_rows_of_no_group_are_none() -> None:
    assert rows_of(equal_groups(["a", "b"])) == []


@pytest.mark.parametrize(("differing", "alike"), [(NEAR_BITS, True), (NEAR_BITS + 1, False)])
def test_near_groups_hold_hashes_up_to_the_limit(bits: np.ndarray, differing: int, alike: bool) -> None:
    looks = [look("a", bits[0]), look("b", bits[1]), look("c", flipped(bits[0], differing))]
    assert near_groups(looks).tolist() == ([0, -1, 0] if alike else [-1, -1, -1])


def test_near_groups_hold_the_mirrored_picture(bits: np.ndarray) -> None:
    mirrored = (2.0 * bits[0] - 1) * MIRRORED > 0
    assert near_groups([look("a", bits[0]), look("b", mirrored)]).tolist() == [0, 0]


def test_near_groups_are_chains(bits: np.ndarray) -> None:
    chain = [look(str(step), flipped(bits[0], 30 * step)) for step in range(4)]
    assert near_groups([*chain, look("x", bits[1])]).tolist() == [0, 0, 0, 0, -1]


def test_near_groups_take_even_pictures_for_alike_only_where_they_are_equal() -> None:
    assert near_groups([look("a"), look("b"), look("a")]).tolist() == [0, -1, 0]


def test_near_groups_join_equal_pixels_with_near_hashes(bits: np.ndarray) -> None:
    even = replace(look("a"), shape="")
    looks = [even, look("b", bits[0]), look("c", flipped(bits[0], 3)), look("a")]
    assert near_groups(looks).tolist() == [0, 1, 1, 0]


def test_near_groups_are_found_across_blocks(bits: np.ndarray) -> None:
    strangers = np.random.default_rng(1).random((2500, HASH_BITS)) < 0.5
    looks = [look(str(row), strangers[row]) for row in range(2500)]
    looks[2400] = look("copy", flipped(strangers[3], 5))
    assert rows_of(near_groups(looks)) == [[3, 2400]]


def test_near_groups_of_nothing_are_none() -> None:
    assert near_groups([]).tolist() == []


def test_feature_groups_hold_rows_of_nearly_one_direction() -> None:
    features = np.random.default_rng(0).normal(size=(50, 64))
    features[40] = 3 * features[7] + 0.1 * features[8]
    features[9] = 0
    assert rows_of(feature_groups(features)) == [[7, 40]]
