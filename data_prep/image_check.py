"""The check of every image, opened once: is it there, is it whole, is it an image, what is its digest."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from data_prep.digests import DIGEST_LENGTH
from data_prep.errors import InputError

IMAGE_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")
LISTED_IMAGES = 10

MISSING = "image missing"
OUTSIDE = "image outside the root"
EMPTY = "image empty"
NOT_AN_IMAGE = "not an image"
DAMAGED = "image truncated or damaged"
BOMB = "decompression bomb"
UNREADABLE = "image unreadable"


@dataclass(frozen=True)
class BadImage:
    """An image that cannot be used: its path relative to the root, and one of this module's reasons."""

    path: str
    reason: str


@dataclass(frozen=True)
class ImageCheck:
    """A digest for every path in order, None where the image is bad, and the bad images."""

    digests: tuple[str | None, ...]
    bad: tuple[BadImage, ...]

    def reasons(self) -> dict[str, int]:
        """Returns the number of bad images for each reason."""
        return dict(Counter(image.reason for image in self.bad))

    def require_all_good(self) -> None:
        """Raises InputError with the first ten bad images and their count where there are any."""
        if not self.bad:
            return
        listed = "; ".join(f"{image.path} ({image.reason})" for image in self.bad[:LISTED_IMAGES])
        more = f"; and {len(self.bad) - LISTED_IMAGES:,} more" if len(self.bad) > LISTED_IMAGES else ""
        raise InputError(
            f"{len(self.bad):,} of {len(self.digests):,} images cannot be used: {listed}{more}; "
            "repair them, or pass --skip-bad-images to go on without them"
        )


def check_images(
    root: Path, paths: Sequence[str], *, on_checked: Callable[[], None] = lambda: None
) -> ImageCheck:
    """Returns the check of the images at `paths` (relative to `root`), decoded in a thread pool.

    A digest is the first 32 hexadecimal digits of the SHA-256 of the file's bytes. `on_checked` is called
    in the calling thread after every image. An image of more pixels than Pillow's limit is a bomb.
    """
    Image.init()  # not left to the threads, which would do it at once
    # threads: Pillow lets go of the interpreter's lock while it decodes
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
    found: list[str | BadImage] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Pillow warns of a bomb at one size and refuses it at twice that; trials would refuse it at the first
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            for result in pool.map(partial(_digest_or_problem, root.resolve()), paths):
                found.append(result)
                on_checked()
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for all that are left
    return ImageCheck(
        digests=tuple(None if isinstance(result, BadImage) else result for result in found),
        bad=tuple(result for result in found if isinstance(result, BadImage)),
    )


def _digest_or_problem(root: Path, path: str) -> str | BadImage:
    file = (root / path).resolve()  # a link may lead out of the folder, as a name may not
    if not file.is_relative_to(root):
        return BadImage(path, OUTSIDE)
    if not file.is_file():
        return BadImage(path, MISSING)
    try:
        content = file.read_bytes()
    except OSError:
        return BadImage(path, UNREADABLE)
    problem = _problem(content)
    return BadImage(path, problem) if problem else hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]


def _problem(content: bytes) -> str | None:
    if not content:
        return EMPTY
    try:
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
            image.load()  # opening reads the header alone, and a file may be cut off behind it
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return BOMB
    except UnidentifiedImageError:
        return NOT_AN_IMAGE
    except Exception:  # decoders raise whatever a broken file leads them to
        return DAMAGED
    return None
