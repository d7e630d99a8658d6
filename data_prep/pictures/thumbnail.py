"""Small copies of pictures, which pages have in them."""

from __future__ import annotations

import io
from pathlib import Path

from data_prep.errors import InputError
from data_prep.pictures.decoder import decoded
from data_prep.pictures.files import bytes_of

THUMBNAIL_PX, THUMBNAIL_QUALITY = 128, 80


def thumbnail(file: Path) -> bytes:
    """Returns a JPEG of at most THUMBNAIL_PX a side, without any description; empty where it is gone."""
    try:
        with (
            bytes_of(file) as content,
            decoded(content, file.name, at_least_px=THUMBNAIL_PX, min_side=None) as picture,
        ):
            small = picture.image.copy()  # for when the memory of the decoder is given back
    except InputError:
        return b""
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    small.info.clear()  # a place or a name in the description of a photograph stays where it is
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=THUMBNAIL_QUALITY)
    return jpeg.getvalue()
