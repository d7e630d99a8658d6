"""Photographs in their proportions, and parts of them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.errors import InputError
from tests.pictures import blobs
from trainables.inference.pictures import Box, read_picture, resized


def _halves(width: int, height: int) -> Image.Image:
    """Red on the left, white on the right."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (0, 0, width // 2, height))
    return image


@pytest.mark.parametrize(
    ("size", "shape"),
    [((40, 20), (50, 100)), ((20, 40), (100, 50)), ((400, 200), (50, 100)), ((3200, 16), (1, 100))],
)
def test_read_picture_keeps_proportions(
    tmp_path: Path, size: tuple[int, int], shape: tuple[int, int]
) -> None:
    blobs(size).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png", 100)
    assert picture.pixels.shape == (*shape, 3)
    assert (picture.width, picture.height) == size


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_read_picture_turns_with_the_exif_orientation(kind: str) -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # to be turned clockwise: left becomes top
    _halves(40, 20).save(file, kind, exif=exif)
    picture = read_picture(file.getvalue(), 40)
    assert (picture.width, picture.height) == (20, 40)
    assert (picture.pixels[0, 10] == (255, 0, 0)).all()
    assert (picture.pixels[-1, 10] == (255, 255, 255)).all()


def test_read_picture_refuses_what_decode_refuses(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(InputError, match=r"a\.jpg is not an image"):
        read_picture(tmp_path / "a.jpg", 100)


def test_cut_gives_the_part_at_the_scale_of_the_picture(tmp_path: Path) -> None:
    _halves(400, 200).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png", 100)
    left = picture.cut(Box(left=40, top=80, width=120, height=80))
    assert left.shape == (20, 30, 3)
    assert (left == (255, 0, 0)).all()


def test_cut_of_less_than_a_pixel_is_a_pixel(tmp_path: Path) -> None:
    _halves(400, 200).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", 100).cut(Box(1, 1, 1, 1)).shape == (1, 1, 3)


def test_resized_has_the_asked_width_and_height() -> None:
    assert resized(np.zeros((4, 6, 3), dtype=np.uint8), 5, 9).shape == (9, 5, 3)
