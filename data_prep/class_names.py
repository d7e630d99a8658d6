"""Names of the classes of a data set: what they may be, and those of the data sets of gender."""

from __future__ import annotations

from collections.abc import Sequence

from data_prep.errors import InputError

MOST_CLASSES = 1000
GENDERS = ("female", "male")
GENDER_SOURCES = (
    "adience",
    "celeba",
    "sample",
)  # what was written of theirs before names were kept has these


def require_class_names(names: Sequence[str]) -> None:
    """Raises InputError where `names` are not 2 to `MOST_CLASSES` names, each another and none empty."""
    if not 2 <= len(names) <= MOST_CLASSES or len(set(names)) < len(names) or "" in names:
        shown = ", ".join(repr(name) for name in names[:10]) + ", …" * (len(names) > 10)
        raise InputError(
            f"there must be 2 to {MOST_CLASSES:,} classes with a name of their own each, received "
            f"{len(names):,}: {shown or 'none'}; name them apart, or put classes together"
        )
