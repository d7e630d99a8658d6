"""The one decoder and the one resize: image files become square uint8 RGB arrays, ahead of their reader."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from data_prep.errors import InputError
from data_prep.storage.remote import located, open_read, shown
from trainables.process_setup import available_cores

DECODER = "pillow, bilinear, revision 1"  # part of every cache key: change it when the pixels change
MAX_PIXELS = 89_478_485  # where Pillow only warns of a decompression bomb; 270 MB decoded
DECODED_AHEAD = 2

Done = TypeVar("Done")
Pixels = npt.NDArray[np.uint8]
OnProgress = Callable[[int, int], None]
"""Hears how many of how many images are done."""


def decode(image: str | Path | bytes, px: int) -> Pixels:
    """Returns the image as RGB pixels `(px, px, 3)`, uint8.

    The EXIF orientation is applied, a transparent image laid on white, an animation's first frame taken,
    16 bits reduced to 8; the sides are scaled to `px` by themselves (bilinear with antialiasing). A JPEG
    is read at the smallest of its scales that is not below `px`.
    Raises InputError, naming the file, where it is missing, not an image, cut short or over MAX_PIXELS.
    """
    if isinstance(image, bytes):
        return _decode(image, px, "the image")
    return _decode(_read(image), px, str(image))


def load_batches(
    paths: Sequence[str | Path],
    px: int,
    batch_size: int,
    workers: int | None = None,
    digests: Sequence[str] | None = None,
) -> Iterator[Pixels]:
    """Yields the images in order as batches `(batch_size, px, px, 3)`, uint8; the last may be shorter.

    `workers` threads (by default one a core) decode at most DECODED_AHEAD batches before they are asked
    for. `digests` are the first hexadecimal digits of the sha256 that each file's bytes should have.
    Raises InputError, naming the file, where one cannot be decoded or has changed.
    """
    expected: Sequence[str | None] = digests if digests is not None else [None] * len(paths)
    tasks = ((path, px, digest) for path, digest in zip(paths, expected, strict=True))
    decoded = done_ahead(_load, tasks, batch_size * DECODED_AHEAD, workers or available_cores())
    with contextlib.closing(decoded):  # ends the threads where the reader stops early
        while batch := list(islice(decoded, batch_size)):
            yield np.stack(batch)


def done_ahead(
    work: Callable[..., Done], tasks: Iterable[tuple[Any, ...]], ahead: int, workers: int
) -> Generator[Done, None, None]:
    """Yields `work(*task)` of each task, in their order; threads do up to `ahead` before they are asked for.

    What `work` raises is raised here, and the tasks that are left are dropped.
    """
    left = iter(tasks)
    pending: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            pending.extend(pool.submit(work, *task) for task in islice(left, ahead))
            while pending:
                done = pending.popleft().result()
                pending.extend(pool.submit(work, *task) for task in islice(left, 1))
                yield done
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _load(path: str | Path, px: int, digest: str | None) -> Pixels:
    # the bytes that are compared are those that are decoded: a second read might meet another file
    content = _read(path)
    if digest is not None and not hashlib.sha256(content).hexdigest().startswith(digest):
        raise InputError(f"{path} has changed since the manifest was built; build the manifest again")
    return _decode(content, px, str(path))


def _read(path: str | Path) -> bytes:
    try:
        with open_read(located(path) if isinstance(path, str) else path) as file:
            return file.read()
    except OSError as error:
        name = path if isinstance(path, str) else shown(path)
        raise InputError(f"the image {name} cannot be read ({error.strerror or error})") from error


def _decode(content: bytes, px: int, name: str) -> Pixels:
    try:
        with Image.open(io.BytesIO(content)) as image:
            _refuse_bomb(image, name)
            image.draft("RGB", (px, px))
            square = _in_rgb(ImageOps.exif_transpose(image)).resize((px, px), Image.Resampling.BILINEAR)
            return np.array(square)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} is refused: {error}") from error
    except InputError:
        raise
    except UnidentifiedImageError as error:
        what = "Pillow does not know its format" if content else "it is empty"
        raise InputError(f"{name} is not an image that can be read whole ({what})") from error
    except Exception as error:  # hostile bytes make Pillow's readers raise almost anything
        raise InputError(f"{name} is not an image that can be read whole ({error})") from error


def _refuse_bomb(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"an image may have {MAX_PIXELS:,} pixels, {name} declares {image.width} x {image.height}"
        )


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range")
    if image.mode.startswith("I"):  # Pillow's own conversion would cut 16 bits off at 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")
