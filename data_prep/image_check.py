"""The check of every image, decoded once: can it be used, what is its digest, how large is it."""

from __future__ import annotations

import functools
import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from data_prep.command_line.names import shown_name
from data_prep.digests import DIGEST_LENGTH
from data_prep.errors import InputError
from data_prep.pictures.ahead import done_ahead
from data_prep.pictures.decoder import MIN_SIDE, decoded
from data_prep.pictures.files import bytes_of
from data_prep.pictures.look import LOOK_PX, Look, look_at
from data_prep.pictures.refusals import MISSING, OUTSIDE, UNREADABLE, PictureError

LISTED_IMAGES = 10
_AHEAD = 64  # results that wait for an image which takes longer


@dataclass(frozen=True)
class GoodImage:
    """What the decoder saw: digest of the file, size of the upright image in pixels, mode, look."""

    digest: str
    width: int
    height: int
    mode: str
    look: Look


@dataclass(frozen=True)
class BadImage:
    """An image that cannot be used: its path relative to the root, and why, as in `pictures.refusals`."""

    path: str
    reason: str


@dataclass(frozen=True)
class ImageCheck:
    """What was found at every path, in order."""

    images: tuple[GoodImage | BadImage, ...]

    @property
    def good(self) -> tuple[GoodImage, ...]:
        """The images that can be used."""
        return tuple(image for image in self.images if isinstance(image, GoodImage))

    @property
    def bad(self) -> tuple[BadImage, ...]:
        """The images that cannot be used."""
        return tuple(image for image in self.images if isinstance(image, BadImage))

    @property
    def digests(self) -> tuple[str | None, ...]:
        """A digest for every path in order, None where the image is bad."""
        return tuple(image.digest if isinstance(image, GoodImage) else None for image in self.images)

    def reasons(self) -> dict[str, int]:
        """Returns the number of bad images for each reason."""
        return dict(Counter(image.reason for image in self.bad))

    def require_all_good(self) -> None:
        """Raises InputError with the first ten bad images and their count where there are any."""
        bad = self.bad
        if not bad:
            return
        listed = "; ".join(f"{shown_name(image.path)} ({image.reason})" for image in bad[:LISTED_IMAGES])
        more = f"; and {len(bad) - LISTED_IMAGES:,} more" if len(bad) > LISTED_IMAGES else ""
        none_there = len(bad) == len(self.images) and {image.reason for image in bad} == {MISSING}
        way_out = (
            "check --root, below which the names must lie"
            if none_there
            else "repair them, or pass --skip-bad-images to go on without them"
        )
        raise InputError(
            f"{len(bad):,} of {len(self.images):,} images cannot be used: {listed}{more}; {way_out}"
        )


def check_images(
    root: Path,
    paths: Sequence[str],
    *,
    min_side: int = MIN_SIDE,
    follow_links: bool = False,
    on_checked: Callable[[], None] = lambda: None,
) -> ImageCheck:
    """Returns the check of the images at `paths` (relative to `root`), decoded by threads.

    A digest is the first 32 hexadecimal digits of the SHA-256 of the file's bytes. An image whose shorter
    side is below `min_side` pixels is bad, and without `follow_links` one that a link has lie outside the
    root. `on_checked` is called in the calling thread after every image.
    """
    found: list[GoodImage | BadImage] = []
    may_read = (lambda _: True) if follow_links else _within(root)
    tasks = ((root, path, may_read, min_side) for path in paths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Pillow warns of a bomb at one size and refuses it at twice that; trials would refuse it at the first
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # threads: Pillow lets go of the interpreter's lock while it decodes; one more, as they wait for it
        for image in done_ahead(_checked, tasks, _AHEAD, (os.cpu_count() or 1) + 1):
            found.append(image)
            on_checked()
    return ImageCheck(tuple(found))


def _within(root: Path) -> Callable[[Path], bool]:
    """Returns what says whether a file below `root` lies there: a link may lead out, as a name may not."""
    inside = root.resolve()
    # once a folder: a file that is no link lies where its folder does
    is_within = functools.cache(lambda folder: folder.resolve().is_relative_to(inside))

    def lies_within(file: Path) -> bool:
        return file.resolve().is_relative_to(inside) if file.is_symlink() else is_within(file.parent)

    return lies_within


def _checked(root: Path, path: str, may_read: Callable[[Path], bool], min_side: int) -> GoodImage | BadImage:
    try:
        if not may_read(root / path):
            return BadImage(path, OUTSIDE)
        with (
            bytes_of(root / path) as content,
            decoded(content, path, at_least_px=LOOK_PX, min_side=min_side) as picture,
        ):
            digest = hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
            return GoodImage(digest, picture.width, picture.height, picture.mode, look_at(picture.image))
    except PictureError as error:
        return BadImage(path, error.reason)
    except (OSError, RuntimeError, ValueError):  # links in a circle, names with a zero byte
        return BadImage(path, UNREADABLE)
