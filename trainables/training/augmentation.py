"""Crops, flips and mixtures of training images, drawn for a whole epoch from (seed, epoch)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.features.images import Pixels
from trainables.features.inputs import cropped

_STREAM, _OF_MIXTURES = 2, 3  # of the seed; the order of the examples and the dropout masks have others


@dataclass(frozen=True, eq=False)
class Augmentation:
    """The crops, flips and mixtures of the images of an epoch, by their place in its order.

    `corners`: `(n, 2)` int64, row and column of the first pixel of the square of `px` that is cut out;
    `flipped`: `(n,)` bool, whether left and right change places. `shares`: `(n,)` float32 from 0.5 to 1, what
    of each image stays where it is mixed with the one before it in its batch; None where none is.
    """

    px: int
    corners: np.ndarray
    flipped: np.ndarray
    shares: np.ndarray | None = None

    @classmethod
    def draw(
        cls, augment: str, images: int, side: int, seed: int, epoch: int, *, mixup: float = 0.0
    ) -> Augmentation:
        """Returns the crops, flips and mixtures of that many images of `side` pixels in an epoch.

        `augment` is "none", "flip" (half of the images) or "crop_flip" (and squares anywhere in them).
        Shares have the distribution Beta(`mixup`, `mixup`) (Zhang et al. 2018), turned so that each image
        has the larger one.
        """
        rng = np.random.default_rng([seed, epoch, _STREAM])
        px = cropped(side) if augment == "crop_flip" else side
        flipped = rng.random(images) < (0 if augment == "none" else 0.5)
        corners = rng.integers(0, side - px + 1, (images, 2))
        if not mixup:
            return cls(px, corners, flipped)
        # a stream of its own: crops and flips are the same without mixup
        drawn = np.random.default_rng([seed, epoch, _OF_MIXTURES]).beta(mixup, mixup, images)
        return cls(px, corners, flipped, np.maximum(drawn, 1 - drawn).astype(np.float32))

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
        return cut if self.shares is None else _mixed(cut, self.shares[places])

    def labels(self, labels: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Returns what a network learns of the images at `places`, float32.

        Their labels `(n, 1)`, or where images are mixed `(n, 3)`: the label, that of the other image, the
        share of the first.
        """
        if self.shares is None:
            return labels[:, None].astype(np.float32)
        return np.stack([labels, _before(labels), self.shares[places]], axis=1).astype(np.float32)


def _mixed(images: np.ndarray, shares: np.ndarray) -> Pixels:
    # rounded to the values of pictures: networks are compiled for these
    share = shares[:, None, None, None]
    mixed: Pixels = np.rint(share * images + (1 - share) * _before(images)).astype(np.uint8)
    return mixed


def _before(values: np.ndarray) -> np.ndarray:
    """Returns of each the one before it; before the first is the last."""
    return np.roll(values, 1, axis=0)
