"""Image files below a folder by their names, and a tally of whatever else lies there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from data_prep.datasets.tally import Tally
from data_prep.errors import InputError
from data_prep.pictures.decoder import SUFFIXES

NOT_UTF8 = "name that is not UTF-8"
_LINK = "link to a folder, not followed"
_EMPTY = "empty folder"
_FOLDERS = {
    "@eadir": "in @eaDir (thumbnails of a NAS)",
    "__macosx": "in __MACOSX (of an archive)",
    ".ipynb_checkpoints": "in .ipynb_checkpoints (copies by Jupyter)",
}
_FILES = {"thumbs.db": "Thumbs.db", "desktop.ini": "desktop.ini", ".ds_store": ".DS_Store"}


def image_files(root: Path, tally: Tally, *, follow_links: bool = False) -> list[str]:
    """Returns the POSIX paths of the image files below `root`, relative to it, in a fixed order.

    Left out, and counted in `tally`: hidden files and folders, what systems and archives leave behind,
    other suffixes, names that are not UTF-8, empty folders, and links to folders unless `follow_links`.
    Raises InputError for a folder that cannot be listed.
    """
    return list(_images(root, "", tally, _Links(root, follow=follow_links)))


class _Links:
    """What becomes of links to folders; each folder is entered once, so that a circle of links ends."""

    def __init__(self, root: Path, *, follow: bool) -> None:
        self._follow = follow
        self._entered = {os.path.realpath(root)}

    def may_enter(self, entry: os.DirEntry[str]) -> bool:
        if not self._follow:
            return not entry.is_symlink()
        real = os.path.realpath(entry.path)
        if real in self._entered:
            return False
        self._entered.add(real)
        return True


def _images(
    folder: Path | str, above: str, tally: Tally, links: _Links, reason: str | None = None
) -> Iterator[str]:
    entries = _listed(folder)
    if not entries and above:
        tally.add(reason or _EMPTY, above.removesuffix("/"))
    for entry in entries:
        if not _is_folder(entry):
            name = above + entry.name
            why = reason or _reason_for_file(entry.name)
            if why:
                tally.add(why, name)
            else:
                yield name
    for entry in entries:
        if _is_folder(entry):
            name = above + entry.name
            if links.may_enter(entry):
                why = reason or _reason_for_folder(entry.name)
                yield from _images(entry.path, f"{name}/", tally, links, why)
            else:
                tally.add(reason or _LINK, name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links; the check of the images names it
        return False


def _listed(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)  # file systems list in an order of their own
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be listed ({error.strerror}); check its permissions"
        ) from error


def _reason_for_folder(name: str) -> str | None:
    known = _FOLDERS.get(name.casefold())
    return known or ("in a hidden folder" if name.startswith(".") else None)


def _reason_for_file(name: str) -> str | None:
    known = _FILES.get(name.casefold())
    if known:
        return known
    if name.startswith("._"):
        return "._* (macOS writes it beside a file)"
    if name.startswith("."):
        return "hidden file"
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        return f"suffix {suffix}" if suffix else "no suffix"
    return None if _is_utf8(name) else NOT_UTF8


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
