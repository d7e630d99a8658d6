"""Crops and flips of training images, drawn for a whole epoch from (seed, epoch)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.features.images import Pixels
from trainables.features.inputs import cropped

_STREAM = 2  # of the seed; the order of the examples and the dropout masks have others


@dataclass(frozen=True, eq=False)
class Augmentation:
    """The crops and flips of the images of an epoch, by their place in its order.

    `corners`: `(n, 2)` int64, row and column of the first pixel of the square of `px` that is cut out;
    `flipped`: `(n,)` bool, whether left and right change places.
    """

    px: int
    corners: np.ndarray
    flipped: np.ndarray

    @classmethod
    def draw(cls, augment: str, images: int, side: int, seed: int, epoch: int) -> Augmentation:
        """Returns the crops and flips of that many images of `side` pixels in an epoch.

        `augment` is "none", "flip" (half of the images) or "crop_flip" (and squares anywhere in them).
        """
        rng = np.random.default_rng([seed, epoch, _STREAM])
        px = cropped(side) if augment == "crop_flip" else side
        flipped = rng.random(images) < (0 if augment == "none" else 0.5)
        return cls(px, rng.integers(0, side - px + 1, (images, 2)), flipped)

    @classmethod
    def central(cls, augment: str, images: int, side: int) -> Augmentation:
        """Returns the crops of validation: the square in the middle of each image, as it is."""
        px = cropped(side) if augment == "crop_flip" else side
        return cls(px, np.full((images, 2), (side - px) // 2), np.zeros(images, bool))

    def apply(self, images: np.ndarray, rows: np.ndarray, places: np.ndarray) -> Pixels:
        """Returns the images `rows` of `(n, side, side, 3)` uint8, which stand at `places` of the order.

        The result is `(len(rows), px, px, 3)` uint8; only what is cut out is read.
        """
        cut = np.empty((len(rows), self.px, self.px, 3), np.uint8)
        for number, (row, place) in enumerate(zip(rows, places, strict=True)):
            top, left = self.corners[place]
            square = images[row, top : top + self.px, left : left + self.px]
            cut[number] = square[:, ::-1] if self.flipped[place] else square
        return cut
