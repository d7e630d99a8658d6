"""Order of the classes that a data set names: which of them is label 0."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from data_prep.class_names import MOST_CLASSES, SAME_AS_GENDERS, listed, shown_name
from data_prep.errors import InputError

KNOWN_CLASSES = (*SAME_AS_GENDERS, ("0", "1"))


def class_order(names: Collection[str], where: str, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
    """Returns the names of the classes in the order of their labels; `where` says where they stand.

    That is `wanted` where the user said it, else the order of `KNOWN_CLASSES`, else the alphabet's, and
    that of numbers where all are. Nothing comes of no names: then no image is left. Raises InputError where
    the classes are not 2 to 1,000, or not those that the user named.
    """
    if not names:
        return ()
    if wanted is not None:
        return _as_wanted(names, where, wanted)
    if not 2 <= len(names) <= MOST_CLASSES or "" in names:
        raise InputError(
            f"there must be 2 to {MOST_CLASSES:,} classes, {where} name {len(names):,}: {_listed(names)}; "
            "give each image a class, and put classes together where there are too many"
        )
    # the name itself decides between two that differ in capitals alone, on every machine alike
    ordered = sorted(names, key=lambda name: (name.lower(), name))
    if all(name.isdecimal() for name in names):  # 10 comes after 9
        ordered.sort(key=int)
    lowered = {name.lower(): name for name in names}
    for female, male in KNOWN_CLASSES:
        # two that differ in capitals alone are two classes still
        if len(names) == 2 and set(lowered) == {female, male}:
            ordered = [lowered[female], lowered[male]]
    return tuple(ordered)


def mapping(classes: Sequence[str]) -> str:
    """Returns the sentence that says which class is which label."""
    return "classes: " + ", ".join(
        f"{shown_name(name)} is label {label}" for label, name in enumerate(classes)
    )


def alike(classes: Sequence[str]) -> Iterator[str]:
    """Yields a sentence for classes that may be one: written in other capitals, with blanks or zeros more."""
    spelled: defaultdict[str, list[str]] = defaultdict(list)
    for name in classes:
        spelled[" ".join(name.casefold().split()).lstrip("0")].append(name)
    for names in spelled.values():
        if len(names) > 1:
            shown = " and ".join(repr(shown_name(name)) for name in names)
            yield f"the classes {shown} look like one class spelled differently; if it is, spell it alike"


def _as_wanted(names: Collection[str], where: str, wanted: Sequence[str]) -> tuple[str, ...]:
    if set(wanted) != set(names) or len(set(wanted)) < len(wanted):
        received = ",".join(map(shown_name, wanted))
        raise InputError(
            f"--classes must be the classes of the data, each once, received {received}; "
            f"{where} name {_listed(names)}"
        )
    return tuple(wanted)


def _listed(names: Collection[str]) -> str:
    return listed(sorted(name or "(empty)" for name in names), most=10) or "none"
