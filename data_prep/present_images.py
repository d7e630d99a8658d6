"""Check that the images of a manifest are still where it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.command_line.names import shown_name
from data_prep.errors import InputError
from data_prep.storage.regular_files import is_there

LISTED = 3


def require_present(root: Path, paths: Sequence[str], whose: str, way_out: str) -> None:
    """Raises InputError where images at `paths` (relative to `root`) are missing: how many, and the first.

    Folders are listed, not images looked for one by one: of a million that takes seconds. `whose` says whose
    images they are.
    """
    missing = list(_missing(root, paths))
    if not missing:
        return
    first = ", ".join(map(shown_name, missing[:LISTED])) + (", …" if len(missing) > LISTED else "")
    raise InputError(
        f"{len(missing):,} of the {len(paths):,} images of {whose} are missing in {root}: {first}; "
        f"{_found_below(root, missing[0])}{way_out}"
    )


def _missing(root: Path, paths: Sequence[str]) -> Iterator[str]:
    there: dict[str, frozenset[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in there:
            there[folder] = _names_in(root / folder)
        if name not in there[folder]:
            yield path


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:
        return frozenset()


def _found_below(root: Path, path: str) -> str:
    """Returns the sentence that they lie one folder deeper, as archives unpack, "" where they do not."""
    deeper = (root / name for name in sorted(_names_in(root)))
    found = next((folder for folder in deeper if is_there(folder / path)), None)
    return f"they seem to be in {found}; " if found else ""
