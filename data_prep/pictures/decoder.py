"""The decoder of every picture: what build, extraction and prediction see of a file, and what they refuse."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from data_prep.errors import in_one_line
from data_prep.pictures.greys import in_eight_bits, is_deep
from data_prep.pictures.jpeg_damage import data_problem, ends_in_one_value, fill_problem, is_one_value
from data_prep.pictures.memory import MEMORY, PIXELS
from data_prep.pictures.refusals import (
    BOMB,
    DAMAGED,
    EMPTY,
    FILLED,
    NO_HEIC,
    NOT_AN_IMAGE,
    OVER_MEMORY,
    SINGLE_VALUE,
    SMALL,
    PictureError,
)

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "AVIF")  # as Pillow opens them: a JPEG may be MPO
# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif", ".mpo",
    ".heic", ".heif",
)
# fmt: on
MAX_PIXELS = 89_478_485  # where Pillow only warns of a decompression bomb; 270 MB decoded
MIN_SIDE = 16  # pixels; a smaller picture is an icon or a mistake
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_ON_ITS_SIDE = (*(_TURNS[number] for number in (5, 6, 7, 8)),)
_JPEG = ("JPEG", "MPO")
_PLAIN_BYTES, _DEEP_BYTES = 12, 32  # of memory for a pixel while it is decoded, converted and turned
_AT_FULL_SIZE, _PLUGINS = threading.Lock(), threading.Lock()


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture: upright RGB, at a reduced scale where that was allowed.

    `width` and `height` are those of the upright picture at its full size, `mode` is Pillow's word for the
    pixels in the file (`RGB`, `L`, `P`, `I;16`, …).
    """

    image: Image.Image
    width: int
    height: int
    mode: str


@contextmanager
def decoded(
    content: bytes, name: str, *, at_least_px: int | None = None, min_side: int | None = MIN_SIDE
) -> Iterator[Picture]:
    """Gives the picture in `content`; its memory counts in the budget of all threads until it is left.

    The format is told by the content. The EXIF orientation is applied, a transparent picture laid on white,
    an animation's first frame taken, a deep grey brought to 8 bits (`greys`). With `at_least_px` a JPEG is
    read at the smallest of its scales whose sides are not below that. `min_side` None is for a picture that
    a build has accepted: its sides, its values and its end are not judged again.

    Raises PictureError, with `name` in its sentence, where it is not a picture, is cut, was filled, is
    smaller than `min_side`, has a single value, or declares more pixels than MAX_PIXELS or the memory holds.
    """
    with ExitStack() as until_left:
        with _told(content, name):
            image = until_left.enter_context(_opened(content))
            full = image.size
            _require_size(image, name, min_side or 1)
            if min_side is not None and image.format in _JPEG:
                _require_whole(data_problem(content), name)
            if at_least_px:
                image.draft("RGB", (at_least_px, at_least_px))
            until_left.enter_context(PIXELS.holding(_bytes_needed(image)))
            mode = image.mode
            as_stored = _in_rgb(image, name)
            if min_side is not None and ends_in_one_value(as_stored):
                _judge(content, name, as_stored if as_stored.size == full else None)
            turn = _turn(image)
            upright = as_stored if turn is None else as_stored.transpose(turn)
        yield Picture(upright, *(full[::-1] if turn in _ON_ITS_SIDE else full), mode)


def _judge(content: bytes, name: str, stored: Image.Image | None) -> None:
    """Refuses what shows at the full size only; `stored` are the pixels there, where they are known."""
    # one at a time, beside the budget: whoever holds a part of it must not wait for more
    with _AT_FULL_SIZE, _opened(content) as image:
        pixels = _in_rgb(image, name) if stored is None else stored
        if is_one_value(pixels):
            raise PictureError(SINGLE_VALUE, f"an image must show something, all pixels of {name} are equal")
        if image.format in _JPEG:
            _require_whole(fill_problem(pixels), name)


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    with _PLUGINS:  # not left to `open`: threads would load them all at once
        Image.init()
    formats = (*FORMATS, "HEIF") if _is_heic(content) and _knows_heic() else FORMATS
    # no other reader of Pillow's sees the bytes
    with Image.open(io.BytesIO(content), formats=formats) as image:
        yield image


def _is_heic(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS


@functools.cache
def _knows_heic() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


@contextmanager
def _told(content: bytes, name: str) -> Iterator[None]:
    """Turns whatever Pillow raises into a PictureError."""
    try:
        yield
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(BOMB, f"{name} is refused: {error}") from error
    except UnidentifiedImageError as error:
        raise _unknown(content, name) from error
    except MemoryError as error:
        raise PictureError(OVER_MEMORY, f"there is not enough memory to decode {name}") from error
    except Exception as error:  # hostile bytes make Pillow's readers raise almost anything
        sentence = f"{name} is not an image that can be read whole ({in_one_line(error)})"
        raise PictureError(DAMAGED, sentence) from error


def _unknown(content: bytes, name: str) -> PictureError:
    if _is_heic(content) and not _knows_heic():
        return PictureError(NO_HEIC, f"{name} is HEIC; to read it, pip install '.[heic]' in the checkout")
    reason = NOT_AN_IMAGE if content else EMPTY
    what = f"its format is none of {', '.join(FORMATS)} and HEIC" if content else "it is empty"
    return PictureError(reason, f"{name} is not an image that can be read whole ({what})")


def _require_size(image: Image.Image, name: str, min_side: int) -> None:
    declared = f"{name} declares {image.width} x {image.height}"
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(BOMB, f"an image may have {MAX_PIXELS:,} pixels, {declared}")
    if min(image.size) < min_side:
        raise PictureError(SMALL, f"the sides of an image must have {min_side} pixels, {declared}")
    if _bytes_needed(image) > MEMORY:
        raise PictureError(
            OVER_MEMORY, f"{declared} pixels, for which {MEMORY // 2**20:,} MiB are too little"
        )


def _require_whole(problem: str, name: str) -> None:
    if problem:
        raise PictureError(FILLED, f"{name} is not an image that can be read whole ({problem})")


def _bytes_needed(image: Image.Image) -> int:
    each = _DEEP_BYTES if is_deep(image.mode) else _PLAIN_BYTES
    return image.width * image.height * each


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Returns how to turn the loaded pixels; Pillow has turned those of a TIFF when it loads them."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # the description of a picture may be broken where the picture is whole
        return None


def _in_rgb(image: Image.Image, name: str) -> Image.Image:
    if is_deep(image.mode):  # Pillow's own conversion would cut off what is over 255
        image = in_eight_bits(image, name)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")
