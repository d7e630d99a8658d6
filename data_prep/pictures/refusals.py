"""Reasons for which a picture is refused, and the error that carries one of them."""

from __future__ import annotations

from data_prep.errors import InputError

MISSING = "image missing"
OUTSIDE = "image outside the root"
NOT_A_FILE = "not a regular file"
UNREADABLE = "image unreadable"
TOO_LONG = "file too large"
EMPTY = "image empty"
NOT_AN_IMAGE = "not an image"
NO_HEIC = "HEIC, which needs pillow-heif"
DAMAGED = "image truncated or damaged"
FILLED = "JPEG whose data ends early and was filled"
BOMB = "decompression bomb"
OVER_MEMORY = "image larger than memory"
SMALL = "image too small"
SINGLE_VALUE = "image of a single value"
NOT_FINITE = "image with values that are no numbers"


class PictureError(InputError):
    """A picture that cannot be used: a sentence with its name, and `reason`, one of this module's."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        # else pickle, by which Ray sends errors, would call it with the sentence alone
        return PictureError, (self.reason, str(self))
