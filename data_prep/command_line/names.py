"""Names of files as they can be printed."""

from __future__ import annotations

import os


def shown_name(name: str) -> str:
    """Returns the name of a file on one line of UTF-8; other bytes and control characters as escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
