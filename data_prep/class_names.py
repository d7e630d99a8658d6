"""Names of the classes of a data set: what they may be, how they are typed and how they are shown."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence

from data_prep.errors import InputError

MOST_CLASSES = 1000
MOST_LETTERS = 255  # of a name, as that of a folder may have; each is a column of the CSV of predictions
GENDERS = ("female", "male")
# the groups of Eidinger et al. 2014, whose strings Levi and Hassner's lists of Adience's ages keep
AGE_GROUPS = ("(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)")
GENDER_SOURCES = (
    "adience",
    "celeba",
    "sample",
)  # what was written of theirs before names were kept has these
# words of people for the same two classes, in the order of GENDERS
SAME_AS_GENDERS = (GENDERS, ("f", "m"), ("woman", "man"), ("women", "men"))

_SHOWN_LETTERS = 40
_LISTED = 5


def require_class_names(names: Sequence[str]) -> None:
    """Raises InputError where `names` are not 2 to `MOST_CLASSES` names, each another, none empty or long."""
    if not 2 <= len(names) <= MOST_CLASSES or len(set(names)) < len(names) or "" in names:
        shown = ", ".join(repr(name) for name in names[:10]) + ", …" * (len(names) > 10)
        raise InputError(
            f"there must be 2 to {MOST_CLASSES:,} classes with a name of their own each, received "
            f"{len(names):,}: {shown or 'none'}; name them apart, or put classes together"
        )
    longest = max(names, key=len)
    if len(longest) > MOST_LETTERS:
        raise InputError(
            f"the name of a class has at most {MOST_LETTERS} letters, received {shown_name(longest)!r} of "
            f"{len(longest):,}; shorten it"
        )


def typed_class_names(text: str) -> tuple[str, ...]:
    """Returns the names that a person typed as `text`: cat,dog, one with a comma in double quotes.

    Raises InputError where they are not 2 to `MOST_CLASSES` names, each another and none empty.
    """
    try:
        (names,) = csv.reader([text], strict=True, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise InputError(
            f"class names are separated by commas, and one with a comma stands in double quotes, "
            f"received {text!r} ({error})"
        ) from error
    require_class_names(names)
    return tuple(names)


def same_classes(names: Sequence[str], others: Sequence[str]) -> bool:
    """Returns whether the classes `names` and `others` are the same ones in the same order.

    Two pairs of words for female and male (`SAME_AS_GENDERS`), in any capitals, are the same ones, too.
    """
    return _in_one_language(names) == _in_one_language(others)


def are_genders(names: Sequence[str]) -> bool:
    """Returns whether `names` are words for female and male, in any order."""
    return sorted(_in_one_language(names)) == sorted(GENDERS)


def labels_among(names: Sequence[str], others: Sequence[str]) -> list[int]:
    """Returns the place of each of `names` in `others`, taken as the same by the rule of `same_classes`.

    Raises InputError where one of them is not there.
    """
    known = {name: label for label, name in enumerate(_in_one_language(others))}
    missing = [name for name, own in zip(names, _in_one_language(names), strict=True) if own not in known]
    if missing:
        raise InputError(
            f"the model knows the classes {listed(others)}, the data has {listed(missing)}, too; give a "
            "manifest of the model's classes"
        )
    return [known[name] for name in _in_one_language(names)]


def printable(text: str) -> str:
    """Returns `text`, which may hold the name of a file, with whatever is no printable character replaced."""
    # names of files that are not UTF-8 carry surrogates, which cannot be printed
    decoded = os.fsencode(text).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in decoded)


def shown_name(name: str) -> str:
    """Returns the name of a class on one short line, without its middle where it is long."""
    text = printable(name)
    if len(text) <= _SHOWN_LETTERS:
        return text
    return f"{text[: _SHOWN_LETTERS // 2]}…{text[1 - _SHOWN_LETTERS // 2 :]}"  # names differ at their ends


def numbered(names: Sequence[str]) -> list[str]:
    """Returns each name behind its label, such as "0 (cat)"."""
    return [f"{label} ({shown_name(name)})" for label, name in enumerate(names)]


def listed(names: Sequence[str], *, most: int = _LISTED) -> str:
    """Returns the first names as a person would type them, and how many there are where more are."""
    first = ", ".join(_quoted(shown_name(name)) for name in names[:most])
    return f"{first} and {len(names) - most:,} more" if len(names) > most else first


def _in_one_language(names: Sequence[str]) -> list[str]:
    lowered = [name.lower() for name in names]
    for pair in SAME_AS_GENDERS:
        if sorted(lowered) == sorted(pair):
            return [GENDERS[pair.index(name)] for name in lowered]
    return list(names)


def _quoted(name: str) -> str:
    plain = not set(name) & set(',"') and name == name.strip()
    return name if plain else '"{}"'.format(name.replace('"', '""'))
