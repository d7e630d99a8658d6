"""Crops and flips: what they cut, and that (seed, epoch) alone decides."""

from dataclasses import replace

import numpy as np
import pytest

from trainables.features.inputs import uncropped
from trainables.training.augmentation import Augmentation
from trainables.training.batches import weights_of

PX, SIDE, N = 32, uncropped(32), 200


def _draw(augment: str, seed: int = 7, epoch: int = 1) -> Augmentation:
    return Augmentation.draw(augment, N, SIDE if augment == "crop_flip" else PX, seed, epoch)


def _pictures(side: int) -> np.ndarray:
    """Returns pictures `(3, side, side, 3)` whose pixels tell picture, row and column."""
    picture, row, column = np.meshgrid(np.arange(3), np.arange(side), np.arange(side), indexing="ij")
    return np.stack([picture, row, column], axis=-1).astype(np.uint8)


def test_seed_and_epoch_decide_alone() -> None:
    first, again = _draw("crop_flip"), _draw("crop_flip")
    np.testing.assert_array_equal(first.corners, again.corners)
    np.testing.assert_array_equal(first.flipped, again.flipped)
    for other in (_draw("crop_flip", seed=8), _draw("crop_flip", epoch=2)):
        assert (first.corners != other.corners).any()
        assert (first.flipped != other.flipped).any()


@pytest.mark.parametrize(("augment", "share"), [("none", 0), ("flip", 0.5), ("crop_flip", 0.5)])
def test_share_of_flipped_images(augment: str, share: float) -> None:
    assert _draw(augment).flipped.mean() == pytest.approx(share, abs=0.1)


def test_corners_reach_everywhere_that_the_square_fits() -> None:
    corners = _draw("crop_flip").corners
    assert (corners.min(), corners.max()) == (0, SIDE - PX)


@pytest.mark.parametrize("augment", ["none", "flip"])
def test_images_are_whole_without_a_crop(augment: str) -> None:
    drawn = _draw(augment)
    assert (drawn.px, drawn.corners.any()) == (PX, False)


def test_apply_cuts_and_flips_the_images_of_the_rows() -> None:
    pictures = _pictures(SIDE)
    drawn = Augmentation(PX, np.array([[0, 0], [1, 2], [4, 3]]), np.array([False, True, False]))
    cut = drawn.apply(pictures, np.array([2, 0]), np.array([1, 2]))
    assert cut.shape == (2, PX, PX, 3)
    assert cut[0, 0, 0].tolist() == [2, 1, 2 + PX - 1]  # picture, row, and the last column first
    assert cut[0, -1, -1].tolist() == [2, 1 + PX - 1, 2]
    assert cut[1, 0, 0].tolist() == [0, 4, 3]


def test_validation_sees_the_middle_unflipped() -> None:
    middle = Augmentation.central("crop_flip", 3, SIDE)
    cut = middle.apply(_pictures(SIDE), np.array([1]), np.array([0]))
    assert cut[0, 0, 0].tolist() == [1, (SIDE - PX) // 2, (SIDE - PX) // 2]
    assert not middle.flipped.any()


def test_mixed_images_keep_the_larger_share_and_get_the_rest_of_the_one_before() -> None:
    pictures = np.stack([np.full((PX, PX, 3), value, np.uint8) for value in (0, 100, 200)])
    drawn = replace(Augmentation.central("none", 4, PX), shares=np.array([1, 0.5, 0.75, 1], np.float32))
    cut = drawn.apply(pictures, np.array([0, 1, 2]), np.array([0, 1, 2]))
    assert cut.dtype == np.uint8
    assert cut[:, 0, 0, 0].tolist() == [0, 50, 175]
    labels = drawn.labels(np.array([0, 1, 2]), np.array([0, 1, 2]))
    assert labels.tolist() == [[0, 2, 1], [1, 0, 0.5], [2, 1, 0.75]]


def test_mixup_changes_no_crop_and_no_flip() -> None:
    plain, mixed = (Augmentation.draw("crop_flip", N, SIDE, 7, 1, mixup=mixup) for mixup in (0.0, 0.2))
    np.testing.assert_array_equal(plain.corners, mixed.corners)
    np.testing.assert_array_equal(plain.flipped, mixed.flipped)
    assert plain.shares is None
    assert mixed.shares is not None
    assert (mixed.shares.min() >= 0.5, mixed.shares.max() <= 1) == (True, True)


def test_labels_without_mixup_are_plain() -> None:
    labels = _draw("flip").labels(np.array([1, 0]), np.array([0, 1]))
    assert (labels.tolist(), labels.dtype) == ([[1], [0]], np.float32)


def test_class_weights_of_mixed_images_are_mixed() -> None:
    weights = np.array([1, 3], np.float32)
    assert weights_of(np.array([[1.0], [0.0]]), weights).tolist() == [3, 1]
    assert weights_of(np.array([[1.0, 0, 0.75]]), weights).tolist() == [2.5]
