"""Names of files, and text out of data, as they can be printed."""

from __future__ import annotations

import os

MOST_LETTERS = 2000  # of a sentence, into which text out of data may have come


def shown_name(name: str) -> str:
    """Returns the name of a file on one line of UTF-8; other bytes and control characters as escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def shortened(text: str, most: int = MOST_LETTERS) -> str:
    """Returns `text` without its middle where it is longer than `most` letters: its end says the way out."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … {text[-(most // 2) :]}"


def cleaned(text: str) -> str:
    """Returns `text` with escapes in the place of what would move a cursor or colour a terminal.

    Ends of lines stay.
    """
    if text.isprintable():  # nearly always, and much quicker
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text
    )
