"""One decoder: what it makes of each kind of picture, and what it refuses by which reason."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from data_prep.pictures import refusals
from data_prep.pictures.decoder import MIN_SIDE, decoded
from data_prep.pictures.refusals import PictureError
from tests.pictures import almost_even, blobs, encoded

RED, WHITE = (255, 0, 0), (255, 255, 255)
KINDS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "MPO")


def decode(content: bytes, **options: object) -> np.ndarray:
    with decoded(content, "a.jpg", **options) as picture:
        return np.asarray(picture.image)


def reason_of(content: bytes, **options: object) -> str:
    with pytest.raises(PictureError) as refusal:
        decode(content, **options)
    return refusal.value.reason


def corner_of(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """A white picture whose upper left quarter is red."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    return image


def _animation() -> bytes:
    frames = [almost_even((32, 32), color) for color in ("red", "blue")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_picture_has_its_size_and_mode(kind: str) -> None:
    with decoded(encoded(blobs((40, 30)), kind), "a") as picture:
        found = (picture.image.size, picture.width, picture.height, picture.image.mode)
        assert found == ((40, 30), 40, 30, "RGB")
        assert picture.mode == ("P" if kind == "GIF" else "RGB")


def test_reduced_jpeg_has_its_full_size() -> None:
    with decoded(encoded(blobs((800, 600)), "JPEG"), "a", at_least_px=100) as picture:
        assert (picture.image.size, picture.width, picture.height) == ((200, 150), 800, 600)


@pytest.mark.parametrize(
    ("content", "color"),
    [
        pytest.param(lambda: encoded(almost_even((32, 32), "red")), RED, id="RGB"),
        pytest.param(lambda: encoded(almost_even((32, 32), 90, "L")), (90, 90, 90), id="grey"),
        pytest.param(lambda: encoded(corner_of().convert("1")), WHITE, id="bitmap"),
        pytest.param(lambda: encoded(corner_of().convert("CMYK"), "TIFF"), WHITE, id="CMYK"),
        pytest.param(lambda: encoded(corner_of().quantize(2)), WHITE, id="palette"),
        pytest.param(_animation, RED, id="animated"),
    ],
)
def test_every_kind_of_pixels_becomes_rgb(content: Callable[[], bytes], color: tuple[int, int, int]) -> None:
    assert tuple(decode(content())[-1, -1].tolist()) == color


def test_transparent_pixels_are_white() -> None:
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 10))
    pixels = decode(encoded(image))
    assert (pixels[:10] == RED).all()
    assert (pixels[10:] == WHITE).all()


def test_transparent_colour_of_a_palette_is_white() -> None:
    image = corner_of().quantize(2)
    assert reason_of(encoded(image, transparency=image.getpixel((0, 0)))) == refusals.SINGLE_VALUE


# where the red quarter of `corner_of` lies once the picture is upright: by rows and columns of quarters
ORIENTATIONS = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}
HOW = {
    "JPEG": {},
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {},
    "TIFF": {},
    "TIFF, LZW": {"compression": "tiff_lzw"},
    "TIFF, JPEG": {"compression": "jpeg"},
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", HOW)
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(corner_of(), kind.partition(",")[0], exif=exif, **HOW[kind])
    with decoded(content, "a") as picture:
        assert (picture.width, picture.height) == ((40, 20) if orientation < 5 else (20, 40))
        assert picture.image.size == (picture.width, picture.height)
        pixels = np.asarray(picture.image)[::, :, 1] < 128
    rows, columns = np.array_split(pixels, 2)[ORIENTATIONS[orientation][0]], ORIENTATIONS[orientation][1]
    assert np.array_split(rows, 2, axis=1)[columns].mean() > 0.9
    assert pixels.mean() < 0.3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_description_does_not_turn_or_refuse() -> None:
    content = encoded(corner_of(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xee" * 40)
    assert decode(content).shape == (20, 40, 3)


NOT_PICTURES = {
    "nothing": (b"", refusals.EMPTY),
    "a text": (b"<html>not found</html>", refusals.NOT_AN_IMAGE),
    "a program for a printer": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n",
        refusals.NOT_AN_IMAGE,
    ),
    "another format": (encoded(blobs(), "PPM"), refusals.NOT_AN_IMAGE),
    "cut": (encoded(blobs(), "JPEG")[:-300], refusals.DAMAGED),
    "cut by its end": (encoded(blobs(), "JPEG")[:-2], refusals.DAMAGED),
    "a cut PNG": (encoded(blobs())[:-3000], refusals.DAMAGED),
    "far too many pixels": (encoded(Image.new("1", (9500, 9500))), refusals.BOMB),
    "twice that": (encoded(Image.new("1", (14000, 14000))), refusals.BOMB),
    "an icon": (encoded(blobs((MIN_SIDE - 1, 64))), refusals.SMALL),
    "one value": (encoded(Image.new("RGB", (40, 40), "red")), refusals.SINGLE_VALUE),
    "one deep value": (encoded(Image.new("I;16", (40, 40), 700)), refusals.SINGLE_VALUE),
    "NaN": (encoded(Image.fromarray(np.full((40, 40), np.nan, dtype="f4")), "TIFF"), refusals.NOT_FINITE),
}


@pytest.mark.usefixtures("memory_limit")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", NOT_PICTURES)
def test_refused_by_its_reason(case: str) -> None:
    content, reason = NOT_PICTURES[case]
    assert reason_of(content) == reason


def test_refusal_says_the_rule_and_the_name() -> None:
    with pytest.raises(PictureError, match=r"sides .* must have 32 pixels, a\.jpg declares 20 x 64"):
        decode(encoded(blobs((20, 64))), min_side=32)


def test_format_is_that_of_the_content() -> None:
    assert decode(encoded(blobs((40, 30)), "WEBP")).shape == (30, 40, 3)  # under the name a.jpg


def test_heic_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr("data_prep.pictures.decoder._knows_heic", lambda: False)
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    with pytest.raises(
        PictureError, match=r"a\.jpg is HEIC; to read it, pip install '\.\[heic\]' in the checkout"
    ):
        decode(content)


def test_heic_is_read_with_that_package() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    with decoded(encoded(corner_of((64, 32)), "HEIF", exif=exif.tobytes()), "a") as picture:
        assert (picture.width, picture.height) == picture.image.size == (32, 64)


def test_what_a_build_accepted_is_not_judged_again() -> None:
    assert decode(encoded(Image.new("RGB", (4, 4), "red")), min_side=None).shape == (4, 4, 3)
