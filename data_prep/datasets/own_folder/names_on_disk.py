"""Names as they are on disk: in other bytes or capitals than in a label file, or with their suffix."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePath

from data_prep.datasets.own_folder.folder_rules import composed
from data_prep.pictures.decoder import SUFFIXES


class NamesOnDisk:
    """Files below `root` that a list names a little differently; each folder is listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder, self._names = cache(self._place), cache(self._names_in)
        self._others: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Returns the POSIX path of the only file that `path` can mean, and `path` where there is none.

        It may be written in another form of Unicode, in other capitals, or without an image's suffix.
        """
        place = self._place(path)
        if place is None:
            return path
        if place != path and composed(place) != composed(path):
            self._others[path] = place
        return place

    def notes(self) -> Iterator[str]:
        """Yields how many names are other on disk than to the eye."""
        for path, place in list(self._others.items())[:1]:
            images = "one image is" if len(self._others) == 1 else f"{len(self._others):,} images are"
            yield f"{images} named a little differently on disk, such as {place} for {path}"

    def _place(self, path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        there = self._folder(folder) if folder else ""
        if there is None:
            return None
        exact, composed_names, alike = self._names(there)
        # its own letters first: a name in other capitals may lie beside
        found = name if name in exact else composed_names.get(composed(name)) or alike.get(_plain(name))
        return found and (f"{there}/{found}" if there else found)

    def _names_in(self, folder: str) -> tuple[frozenset[str], dict[str, str], dict[str, str | None]]:
        try:
            names = sorted(path.name for path in (self._root / folder).iterdir())
        except OSError:
            return frozenset(), {}, {}  # the check of the images says what is missing
        composed_names: dict[str, str] = {}
        alike: dict[str, str | None] = {}
        for name in names:
            composed_names.setdefault(composed(name), name)
            image = PurePath(name)
            stems = [image.stem] if image.suffix.casefold() in SUFFIXES else []
            for key in map(_plain, (name, *stems)):
                alike[key] = None if key in alike else name  # two files: nobody knows which is meant
        return frozenset(names), composed_names, alike


def _plain(name: str) -> str:
    return composed(name).casefold()
