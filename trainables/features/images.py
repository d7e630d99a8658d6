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


def decode(image: str | Path | bytes, px: int) -> Pixels:
    """Returns the image as RGB pixels `(px, px, 3)`, uint8; see `read_square`."""
    return read_square(image, px).pixels


def read_square(image: str | Path | bytes, px: int) -> Square:
    """Returns the image, whose sides are scaled to `px` by themselves (bilinear with antialiasing).

    A JPEG is read at the smallest of its scales that is not below `px`. What else is made of an image, and
    which are refused, is said in `data_prep.pictures.decoder`.
    Raises PictureError, an InputError, naming the file.
    """
    if isinstance(image, bytes):
        return _square(image, px, "the image", MIN_SIDE)
    with bytes_of(image) as content:
        return _square(content, px, str(image), MIN_SIDE)


def load_batches(
    paths: Sequence[str | Path],
    px: int,
    batch_size: int,
    workers: int | None = None,
    digests: Sequence[str] | None = None,
) -> Iterator[Pixels]:
    """Yields the images in order as batches `(batch_size, px, px, 3)`, uint8; the last may be shorter.

    `workers` threads (by default one a core) decode at most DECODED_AHEAD batches before they are asked
    for. `digests` are the first hexadecimal digits of the sha256 that each file's bytes should have: those
    of a build, which has accepted these bytes.
    Raises InputError, naming the file, where one cannot be decoded or has changed.
    """
    expected: Sequence[str | None] = digests if digests is not None else [None] * len(paths)
    tasks = ((path, px, digest) for path, digest in zip(paths, expected, strict=True))
    squares = done_ahead(_load, tasks, batch_size * DECODED_AHEAD, workers or available_cores())
    with contextlib.closing(squares):  # ends the threads where the reader stops early
        while batch := list(islice(squares, batch_size)):
            yield np.stack(batch)


def _load(path: str | Path, px: int, digest: str | None) -> Pixels:
    with bytes_of(path) as content:
        if digest is None:
            return _square(content, px, str(path), MIN_SIDE).pixels
        # the bytes that are compared are those that are decoded: a second read might meet another file
        if not hashlib.sha256(content).hexdigest().startswith(digest):
            raise InputError(f"{path} has changed since the manifest was built; build the manifest again")
        return _square(content, px, str(path), None).pixels


def _square(content: bytes, px: int, name: str, min_side: int | None) -> Square:
    with decoded(content, name, at_least_px=px, min_side=min_side) as picture:
        square = picture.image.resize((px, px), Image.Resampling.BILINEAR)
        return Square(np.array(square), picture.width, picture.height)
