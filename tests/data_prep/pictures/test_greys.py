"""Greys of more than 8 bits, scaled by their own range or the file's."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from data_prep.pictures.decoder import decoded
from tests.pictures import encoded

RAMP = np.linspace(0, 1, 32 * 32).reshape(32, 32)


def grey_of(values: np.ndarray, kind: str = "TIFF", **options: object) -> np.ndarray:
    with decoded(encoded(Image.fromarray(values), kind, **options), "a") as picture:
        return np.asarray(picture.image)[:, :, 0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param((RAMP * 65535).astype("u2"), "PNG", id="16 bits"),
        pytest.param((RAMP * 4095).astype("u2"), "PNG", id="12 of 16 bits"),
        pytest.param((30_000 + RAMP * 300).astype("u2"), "TIFF", id="a part of 16 bits"),
        pytest.param((RAMP * 2**30).astype("i4"), "TIFF", id="32 bits"),
        pytest.param((RAMP - 0.5).astype("f4"), "TIFF", id="floats"),
        pytest.param((RAMP * 1e6).astype("f4"), "TIFF", id="large floats"),
    ],
)
def test_own_range_is_black_to_white(values: np.ndarray, kind: str) -> None:
    grey = grey_of(values, kind)
    assert (grey.min(), grey.max()) == (0, 255)
    assert np.abs(grey - RAMP * 255).max() <= 1.5
    assert len(np.unique(grey)) > 200


def test_range_of_the_file_is_black_to_white() -> None:
    grey = grey_of((RAMP * 1000).astype("u2"), tiffinfo={280: 0, 281: 4000})
    assert (grey.min(), grey.max()) == (0, 64)


def test_range_of_the_file_that_the_values_leave_is_not_believed() -> None:
    assert grey_of((RAMP * 1000).astype("u2"), tiffinfo={280: 0, 281: 100}).max() == 255


def test_white_is_zero_where_the_file_says_so() -> None:
    grey = grey_of((RAMP * 60_000).astype("u2"), tiffinfo={262: 0})
    assert (grey[0, 0], grey[-1, -1]) == (255, 0)
