"""Letters that the font of the pictures has."""

from __future__ import annotations

from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

_MISSING = "?"  # for a letter that the font lacks


def drawable(text: str) -> str:
    """Returns `text` with a question mark for each letter that would be drawn as a box, with a warning."""
    return "".join(letter if ord(letter) in _font_letters() else _MISSING for letter in text)


@cache
def _font_letters() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())
