"""Layout of a folder of photographs: which level of folders names the classes, which a split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_prep.errors import InputError

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a part of a split is called, in any capitals, and the word of the manifest for it."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Number of folders `above` the level that names the classes, and whether the last of them is a part."""

    above: tuple[str, ...] = ()
    has_partitions: bool = False

    @property
    def depth(self) -> int:
        """The place in a path of the folder that names the class."""
        return len(self.above) + self.has_partitions

    def class_of(self, parts: Sequence[str]) -> str | None:
        """Returns the folder of `parts` that names its class; None for a file that lies above these."""
        return parts[self.depth] if len(parts) > self.depth + 1 else None

    def partition_of(self, parts: Sequence[str]) -> str | None:
        """Returns the part of the given split that `parts` lies in."""
        return PARTS[parts[self.depth - 1].casefold()] if self.has_partitions else None

    def notes(self) -> Iterator[str]:
        """Yields what the user should know of it."""
        if self.above:
            yield f"the classes are looked for in {'/'.join(self.above)}, the only folder with images there"
        if self.has_partitions:
            yield (
                "the folders of the parts (train, validation, test) are a given split (--split given); "
                "test is read by --final only"
            )


def layout_of(paths: Sequence[Sequence[str]], *, named: Sequence[str] | None = None) -> Layout:
    """Returns the layout of `paths`, each the folders and the name of an image.

    `named` are the classes where the user said them. Raises InputError where the folders look like a split
    or like something else above the classes, and cannot be read as one.
    """
    above = _above_the_classes(paths, set(named or ()))
    below = _below(paths, above)
    folders = _second_level(below)
    if named and set(folders) & set(named):
        return Layout(above=above)
    if _are_partitions(folders):
        _require_classes_below(below, folders)
        return Layout(above=above, has_partitions=True)
    _require_classes_here(below, folders)
    return Layout(above=above)


def _above_the_classes(paths: Sequence[Sequence[str]], named: set[str]) -> tuple[str, ...]:
    """Returns the folders that hold one folder each and no image, above a level with several folders."""
    above: tuple[str, ...] = ()
    while True:
        below = _below(paths, above)
        folders = _second_level(below)
        if len(folders) > 1:
            return above
        if not folders or set(folders) & named or _holds_images(below):
            return ()
        above = (*above, next(iter(folders)))


def _below(paths: Sequence[Sequence[str]], above: Sequence[str]) -> list[Sequence[str]]:
    return [parts[len(above) :] for parts in paths if len(parts) > len(above) + 1]


def _second_level(below: Sequence[Sequence[str]]) -> dict[str, set[str]]:
    """Returns the folders inside each folder; an image that lies in one itself counts as none."""
    folders: defaultdict[str, set[str]] = defaultdict(set)
    for parts in below:
        folders[parts[0]] |= set(parts[1:2]) if len(parts) > 2 else set()
    return dict(folders)


def _holds_images(below: Sequence[Sequence[str]]) -> set[str]:
    return {parts[0] for parts in below if len(parts) == 2}


def _are_partitions(folders: dict[str, set[str]]) -> bool:
    parts = {PARTS[name.casefold()] for name in folders if name.casefold() in PARTS}
    if len(parts) < 2:  # a class may be called test, two together are a split
        return False
    others = sorted(name for name in folders if name.casefold() not in PARTS)
    if others:
        raise InputError(
            f"the folders {_listed(set(folders) - set(others))} are parts of a split, and "
            f"{_listed(others)} lies beside them; move it away, or name it train, validation or test"
        )
    return True


def _require_classes_below(below: Sequence[Sequence[str]], folders: dict[str, set[str]]) -> None:
    bare = _holds_images(below)
    if bare == set(folders):
        raise InputError(
            f"the folders {_listed(folders)} are parts of a split, and no folders of classes are in them; "
            "sort the images into <part>/<class>/, or list them in a labels.csv"
        )


def _require_classes_here(below: Sequence[Sequence[str]], folders: dict[str, set[str]]) -> None:
    inside = Counter(name for names in folders.values() for name in names)
    parts = {name for name in inside if name.casefold() in PARTS}
    if len({PARTS[name.casefold()] for name in parts}) > 1:
        raise InputError(
            f"the folders {_listed(folders)} hold {_listed(parts)}, the parts of a split; sort the images "
            f"into <part>/<class>/, or pass --classes {','.join(sorted(folders))} to leave the parts aside"
        )
    # folders of a trip or a person may have one name in two classes, not so easily several
    repeated = {name for name, count in inside.items() if count > 1}
    if len(repeated) > 1 and not _holds_images(below):
        raise InputError(
            f"several of the folders {_listed(folders)} hold {_listed(repeated)}, as if there were one "
            "folder too many above the classes; move the folders of the classes up, or pass --classes "
            f"{','.join(sorted(folders))} if these are the classes"
        )


def _listed(names: Sequence[str] | set[str] | frozenset[str] | dict[str, set[str]]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:6]) + (", …" if len(ordered) > 6 else "")
