"""Photographs in their own proportions, to look at or to cut faces out of."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_prep.errors import InputError
from trainables.features.images import Pixels, decode

_TURNED = (5, 6, 7, 8)  # the EXIF orientations that exchange width and height
_ORIENTATION = 0x0112


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

    Colours, orientation and errors are those of `trainables.features.images.decode`.
    """
    square = decode(image, longest_px)  # the one decoder; its square is stretched back below
    width, height = _upright_size(image)
    scale = longest_px / max(width, height)
    return Picture(
        resized(square, max(1, round(width * scale)), max(1, round(height * scale))), width, height
    )


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Returns pixels `(h, w, 3)` as `(height, width, 3)`, bilinear with antialiasing, as `decode` does."""
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def _upright_size(image: str | Path | bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            width, height = opened.size
            turned = opened.getexif().get(_ORIENTATION) in _TURNED
    except OSError as error:  # it could be decoded a moment ago
        name = "the image" if isinstance(image, bytes) else image
        raise InputError(f"{name} has changed while it was read ({error}); try again") from error
    return (height, width) if turned else (width, height)
