"""Greys of more than 8 bits, whole or floating-point, in 8: by the range of the file or their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from data_prep.pictures.refusals import NOT_FINITE, PictureError

Values = npt.NDArray[np.float64]
# TIFF 6.0, section 19 and 8: SMinSampleValue and SMaxSampleValue, MinSampleValue and MaxSampleValue
_RANGES = ((340, 341), (280, 281))
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


def is_deep(mode: str) -> bool:
    """Returns whether a picture of this mode of Pillow's is a grey of more than 8 bits."""
    return mode == "F" or mode.startswith("I")


def in_eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Returns a deep grey as one of 8 bits: the low end of its range is black, the high end white.

    The range is what a TIFF states, where all values lie in it, else from the least value to the largest.
    Raises PictureError for NaN and infinity.
    """
    values = np.asarray(image, dtype=np.float64)  # float32 would round whole numbers of 32 bits
    if not np.isfinite(values).all():
        raise PictureError(
            NOT_FINITE, f"the values of an image must be numbers, some of {name} are NaN or infinite"
        )
    low, high = _range(image, float(values.min()), float(values.max()))
    with np.errstate(over="ignore", invalid="ignore"):  # a range of over 1e308
        scaled = np.nan_to_num((values - low) * (255 / (high - low))) if high > low else values * 0
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # which Pillow heeds for 8 bits alone
        scaled = 255 - scaled
    return Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8))


def _range(image: Image.Image, least: float, largest: float) -> tuple[float, float]:
    tags = getattr(image, "tag_v2", {})
    for low, high in _RANGES:
        stated = _number(tags.get(low)), _number(tags.get(high))
        # a file that states a range and leaves it is wrong about it
        if stated[0] is not None and stated[1] is not None and stated[0] <= least <= largest <= stated[1]:
            return stated[0], stated[1]
    return least, largest


def _number(value: object) -> float | None:
    first = value[0] if isinstance(value, tuple) and value else value
    return float(first) if isinstance(first, int | float) else None
