"""Pictures that tests make: all but even ones, as a picture of a single value is refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image


def almost_even(size: tuple[int, int], color: str | tuple[int, ...], mode: str = "RGB") -> Image.Image:
    """Returns a picture of one colour but for a corner, which is lost when the picture is scaled down."""
    image = Image.new(mode, size, color)
    values = np.array(image)
    corner = values[0, 0]
    values[0, 0] = np.where(corner == 0, 1, corner - 1)
    image.paste(Image.fromarray(values[:1, :1]), (0, 0))
    return image


def blobs(size: tuple[int, int] = (96, 64), seed: int = 0) -> Image.Image:
    """Returns a picture of soft coloured spots, which has detail in all of its parts."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Returns the bytes of a file of `kind` with the picture."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
