from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from data_prep.pictures.look import HASH_BITS, MIRRORED, look_at


def cloud(seed: int = 0, px: int = 120) -> Image.Image:
    """Returns a picture of large soft spots, as photographs have them."""
    spots = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((px, px), Image.Resampling.BICUBIC)


def bits(image: Image.Image) -> np.ndarray:
    shape = bytes.fromhex(look_at(image).shape)
    return np.unpackbits(np.frombuffer(shape, dtype=np.uint8), count=HASH_BITS)


def as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file).convert("RGB")


@pytest.mark.parametrize(
    "changed",
    [
        as_jpeg,
        lambda image: image.resize((60, 60)),
        lambda image: image.resize((700, 700)),
        lambda image: image.convert("L").convert("RGB"),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    ],
    ids=["JPEG", "half the size", "larger", "grey", "darker"],
)
def test_shape_stays_near_that_of_an_edited_copy(changed) -> None:
    assert (bits(cloud()) != bits(changed(cloud()))).sum() <= 40


def test_shape_of_another_picture_is_far() -> None:
    assert (bits(cloud(1)) != bits(cloud(2))).sum() > 80


def test_shape_of_the_mirrored_picture_is_known_from_the_signs() -> None:
    mirrored = (2.0 * bits(cloud()) - 1) * MIRRORED > 0
    assert (mirrored != bits(ImageOps.mirror(cloud()))).sum() <= 5


def test_pixels_tell_equal_pictures_and_no_others() -> None:
    picture, other = cloud(px=40), cloud(px=40)
    other.putpixel((3, 5), (1, 2, 3))
    assert look_at(picture).pixels == look_at(cloud(px=40)).pixels != look_at(other).pixels


def test_even_picture_has_no_shape() -> None:
    look = look_at(Image.new("RGB", (50, 50), (90, 90, 90)))
    assert (look.shape, look.brightness, look.contrast, look.sharpness) == ("", 90, 0, 0)


def test_sharpness_falls_with_blur() -> None:
    sharp = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    assert look_at(sharp).sharpness > 5 * look_at(cloud()).sharpness


def test_camera_is_make_and_model_of_the_exif() -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[271], exif[272] = "Canon", "EOS 5D"
    cloud().save(file, "JPEG", exif=exif)
    assert look_at(Image.open(file).convert("RGB")).camera == "Canon EOS 5D"
    assert look_at(cloud()).camera == ""
