"""Photographs in their own proportions, to look at or to cut faces out of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from trainables.features.images import Pixels, read_square


class Box(NamedTuple):
    """A part of a photograph, in pixels of the upright photograph at its full size."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Picture:
    """A photograph: uint8 RGB pixels `(h, w, 3)` scaled from its upright full size, `width` x `height`."""

    pixels: Pixels
    width: int
    height: int

    def cut(self, box: Box) -> Pixels:
        """Returns the pixels `(h, w, 3)` inside `box`, at this picture's scale."""
        down, across = self.pixels.shape[0] / self.height, self.pixels.shape[1] / self.width
        top, left = round(box.top * down), round(box.left * across)
        bottom = max(top + 1, round((box.top + box.height) * down))
        right = max(left + 1, round((box.left + box.width) * across))
        return self.pixels[top:bottom, left:right]


def read_picture(image: str | Path | bytes, longest_px: int) -> Picture:
    """Returns the image with a longer side of `longest_px`, whatever its size, and its proportions kept.

    Colours, orientation and errors are those of `trainables.features.images.read_square`.
    """
    square = read_square(image, longest_px)  # the one decoder; its square is stretched back below
    scale = longest_px / max(square.width, square.height)
    sides = (max(1, round(side * scale)) for side in (square.width, square.height))
    return Picture(resized(square.pixels, *sides), square.width, square.height)


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Returns pixels `(h, w, 3)` as `(height, width, 3)`, bilinear with antialiasing, as `decode` does."""
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
