"""Files of pictures that are cut, flipped, stretched or something else: each is decoded whole or refused.

MUTATIONS=500 SEED=19 in the environment tries that many others.
"""

from __future__ import annotations

import io
import os
import random
import time
from pathlib import Path

import pytest
from PIL import Image

from data_prep.image_check import check_images
from data_prep.pictures.decoder import FORMATS, decoded
from data_prep.pictures.refusals import PictureError
from tests.pictures import blobs

COUNT = int(os.environ.get("MUTATIONS", "210"))
SEED = int(os.environ.get("SEED", "18"))
_LONGEST_S = 5.0
_MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "P", "I;16"),
    "TIFF": ("RGB", "L", "I;16"),
}


def _whole(rng: random.Random, kind: str) -> bytes:
    mode = rng.choice(_MODES.get(kind, ("RGB",)))
    picture, file = blobs(seed=rng.randrange(99)), io.BytesIO()
    options = {"progressive": rng.random() < 0.5} if kind == "JPEG" else {}
    exif = Image.Exif()
    exif[0x0112] = rng.randrange(12)  # the way up, of which there are eight
    picture.convert("L" if mode == "I;16" else mode).convert(mode).save(file, kind, exif=exif, **options)
    return file.getvalue()


def _mutated(content: bytes, rng: random.Random) -> bytes:
    other = bytearray(content)
    match rng.randrange(6):
        case 0:
            return content[: rng.randrange(len(content))]
        case 1:  # sizes, offsets and lengths stand near the beginning
            for _ in range(rng.randrange(1, 9)):
                other[rng.randrange(min(64, len(other)))] = rng.choice((0, 1, 127, 255))
        case 2:
            other[rng.randrange(len(other))] ^= 1 << rng.randrange(8)
        case 3:
            at = rng.randrange(len(other))
            other[at:at] = rng.randbytes(rng.randrange(1, 300))
        case 4:
            at, size = rng.randrange(len(other)), rng.randrange(1, 300)
            other[at : at + size] = rng.choice((b"", b"\0" * size, b"\xff" * size))
        case 5:
            other += bytes(other) if rng.random() < 0.5 else rng.randbytes(99)
    return bytes(other)


def _decoded(content: bytes) -> str | None:
    """Returns why a picture is refused, None where it is decoded: upright, in colours, of its size."""
    try:
        with decoded(content, "it") as picture:
            assert (picture.image.mode, picture.image.size) == ("RGB", (picture.width, picture.height))
            return None
    except PictureError as error:
        refused = error
    assert "\n" not in str(refused)
    return refused.reason


@pytest.mark.usefixtures("memory_limit")
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # as every command does
@pytest.mark.parametrize("kind", FORMATS)
def test_mutated_picture_is_decoded_or_refused_and_the_check_says_the_same(tmp_path: Path, kind: str) -> None:
    rng = random.Random(f"{SEED} {kind}")
    for number in range(COUNT // len(FORMATS)):
        content = _mutated(_whole(rng, kind), rng)
        began = time.monotonic()
        reason = _decoded(content)
        (tmp_path / "it").write_bytes(content)
        (bad,) = check_images(tmp_path, ["it"]).bad or (None,)
        assert time.monotonic() - began < _LONGEST_S
        assert (bad and bad.reason) == reason, number
