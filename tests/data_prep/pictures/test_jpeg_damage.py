"""JPEG files that decode without an error although their data ends early."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from data_prep.pictures import refusals
from data_prep.pictures.decoder import decoded
from data_prep.pictures.refusals import PictureError
from tests.pictures import blobs, encoded

WAYS = {
    "plain": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "not subsampled": {"subsampling": 0},
}
END = b"\xff\xd9"


def photo(**way: object) -> bytes:
    grain = np.random.default_rng(1).normal(128, 60, (240, 320)).clip(0, 255).astype(np.uint8)
    noise = Image.fromarray(grain).convert("RGB")
    return encoded(Image.blend(noise, blobs((320, 240)), 0.6), "JPEG", quality=85, **way)


def is_filled(content: bytes, px: int | None) -> bool:
    try:
        with decoded(content, "a", at_least_px=px):
            return False
    except PictureError as error:
        return error.reason in (refusals.FILLED, refusals.DAMAGED)  # libjpeg may see it, too


@pytest.mark.parametrize("px", [None, 64], ids=["full size", "reduced"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_rest_of_zeros_is_seen(share: float, way: str, px: int | None) -> None:
    content = photo(**WAYS[way])
    kept = int(len(content) * share)
    assert is_filled(content[:kept] + bytes(len(content) - kept), px)


@pytest.mark.parametrize("way", ["plain", "not subsampled"])
def test_zeros_in_the_middle_are_seen(way: str) -> None:
    content = photo(**WAYS[way])
    middle = len(content) // 2
    assert is_filled(content[:middle] + bytes(1000) + content[middle + 1000 :], None)


@pytest.mark.parametrize("px", [None, 64], ids=["full size", "reduced"])
@pytest.mark.parametrize("way", ["plain", "optimized", "not subsampled"])
@pytest.mark.parametrize("share", [0.3, 0.55, 0.75])
def test_grey_after_an_early_end_is_seen(share: float, way: str, px: int | None) -> None:
    content = photo(**WAYS[way])
    cut = content[: int(len(content) * share)] + END
    assert is_filled(cut, px)


def test_grey_of_a_picture_that_was_saved_again_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    content = photo()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(content[: len(content) // 3])) as image:
        again = encoded(image, "JPEG", quality=90)
    monkeypatch.undo()
    assert is_filled(again, None)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_end_is_that_of_the_file_not_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = photo(exif=exif)
    assert is_filled(content[: len(content) // 2] + END, None)


def test_many_scans_are_refused() -> None:
    content = photo(progressive=True)
    start = content.rindex(b"\xff\xda")
    assert is_filled(content[:start] + content[start:-2] * 300 + END, None)


def _with_object(color: str) -> Image.Image:
    image = Image.new("RGB", (320, 240), color)
    image.paste(blobs((100, 160)), (100, 60))
    return image


def _letterbox(color: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", (320, 240), color)
    image.paste(blobs((320, 144)), (0, 48))
    return image


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(_with_object("white"), id="an object on white"),
        pytest.param(_with_object("#808080"), id="an object on grey"),
        pytest.param(_letterbox((0, 0, 0)), id="between black bars"),
        pytest.param(_letterbox((128, 128, 128)), id="between grey bars"),
        pytest.param(blobs((1600, 1200)), id="smooth"),
    ],
)
def test_good_pictures_pass(image: Image.Image, way: str) -> None:
    content = encoded(image, "JPEG", **WAYS[way])
    for px in (None, 64):
        with decoded(content, "a", at_least_px=px) as picture:
            assert (picture.width, picture.height) == image.size


def test_what_follows_the_end_does_not_count() -> None:
    content = photo() + bytes(5000)
    assert not is_filled(content, None)
