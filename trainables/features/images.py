"""Square pixels of image files for networks: uint8 RGB arrays of one size, ready ahead of their reader."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from data_prep.errors import InputError
from data_prep.pictures.ahead import done_ahead
from data_prep.pictures.decoder import MIN_SIDE, decoded
from data_prep.pictures.files import bytes_of
from trainables.process_setup import available_cores

DECODER = "pillow, bilinear, revision 1"  # part of every cache key: change it when the pixels change
RESIZES = ("bilinear", "nearest")
DECODED_AHEAD = 2

Pixels = npt.NDArray[np.uint8]
OnProgress = Callable[[int, int], None]
"""Hears how many of how many images are done."""


@dataclass(frozen=True, eq=False)
class Square:
    """An image as RGB pixels `(px, px, 3)`, uint8; `width` x `height` is the upright image at full size."""

    pixels: Pixels
    width: int
    height: int


@dataclass(frozen=True)
class Reading:
    """A way to make squares of pictures: `resize` is one of RESIZES, `deep_greys` that some have over 8 bits.

    Bilinear is with antialiasing. Nearest takes a pixel for each, as Keras' generators do, and does without
    the scales of a JPEG.
    """

    resize: str = RESIZES[0]
    deep_greys: bool = False

    @property
    def name(self) -> str:
        """The words behind the name of rows; empty for the usual way."""
        words = [self.resize] * (self.resize != RESIZES[0]) + ["deep greys"] * self.deep_greys
        return ", ".join(words)

    @classmethod
    def named(cls, name: str) -> Reading:
        """Returns the way that `name` names."""
        words = name.split(", ")
        return cls(next((way for way in RESIZES if way in words), RESIZES[0]), "deep greys" in words)

    @property
    def decoder(self) -> str:
        """The part of a cache key that stands for it; pictures of 8 bits keep the key that they had."""
        way = DECODER.replace(RESIZES[0], self.resize)
        return f"{way}, greys by their range" if self.deep_greys else way


def decode(image: str | Path | bytes, px: int, *, is_accepted: bool = False) -> Pixels:
    """Returns the image as RGB pixels `(px, px, 3)`, uint8; see `read_square`."""
    return read_square(image, px, is_accepted=is_accepted).pixels


def read_square(image: str | Path | bytes, px: int, *, is_accepted: bool = False) -> Square:
    """Returns the image, whose sides are scaled to `px` by themselves (bilinear with antialiasing).

    With `is_accepted` a build has judged it, by a least side of its own, and it is not judged again.

    A JPEG is read at the smallest of its scales that is not below `px`. What else is made of an image, and
    which are refused, is said in `data_prep.pictures.decoder`.
    Raises PictureError, an InputError, naming the file.
    """
    min_side = None if is_accepted else MIN_SIDE
    if isinstance(image, bytes):
        return _square(image, px, "the image", min_side)
    with bytes_of(image) as content:
        return _square(content, px, str(image), min_side)


def load_batches(
    paths: Sequence[str | Path],
    px: int,
    batch_size: int,
    workers: int | None = None,
    digests: Sequence[str] | None = None,
    resize: str = RESIZES[0],
) -> Iterator[Pixels]:
    """Yields the images in order as batches `(batch_size, px, px, 3)`, uint8; the last may be shorter.

    `workers` threads (by default one a core) decode at most DECODED_AHEAD batches before they are asked
    for. `digests` are the first hexadecimal digits of the sha256 that each file's bytes should have: those
    of a build, which has accepted these bytes. `resize` is one of RESIZES.
    Raises InputError, naming the file, where one cannot be decoded or has changed.
    """
    expected: Sequence[str | None] = digests if digests is not None else [None] * len(paths)
    tasks = ((path, px, digest, resize) for path, digest in zip(paths, expected, strict=True))
    # threads: Pillow decodes without the interpreter's lock
    squares = done_ahead(_load, tasks, batch_size * DECODED_AHEAD, workers or available_cores())
    with contextlib.closing(squares):  # ends the threads where the reader stops early
        while batch := list(islice(squares, batch_size)):
            yield np.stack(batch)


def _load(path: str | Path, px: int, digest: str | None, resize: str) -> Pixels:
    with bytes_of(path) as content:
        if digest is None:
            return _square(content, px, str(path), MIN_SIDE, resize).pixels
        # the bytes that are compared are those that are decoded: a second read might meet another file
        if not hashlib.sha256(content).hexdigest().startswith(digest):
            raise InputError(f"{path} has changed since the manifest was built; build the manifest again")
        return _square(content, px, str(path), None, resize).pixels


def _square(content: bytes, px: int, name: str, min_side: int | None, resize: str = RESIZES[0]) -> Square:
    nearest = resize != RESIZES[0]
    with decoded(content, name, at_least_px=None if nearest else px, min_side=min_side) as picture:
        how = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
        square = picture.image.resize((px, px), how)
        return Square(np.array(square), picture.width, picture.height)
