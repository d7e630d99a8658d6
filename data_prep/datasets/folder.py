"""Anybody's own photographs of two classes: a folder for each class, or a CSV file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from data_prep.datasets.label_files import comma_separated, headed_rows, relative_path
from data_prep.datasets.labels import REPEATED_IMAGE, ImageRow, Labels, existing_folder, image_table
from data_prep.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff")
KNOWN_CLASSES = (("female", "male"), ("f", "m"), ("woman", "man"), ("women", "men"), ("0", "1"))
CSV_NAME = "labels.csv"


def load_folder(root: Path, *, csv: Path | None = None) -> Labels:
    """Returns the labels of the images of two classes under `root`.

    Read is `csv` where given, else `root` where it is a CSV file itself, else `root`/labels.csv where it
    exists, else `root`/<class>/**/*.{jpg,jpeg,png,bmp,webp,gif,tif,tiff}. A CSV has the columns path
    (relative to the folder), label and, if known, subject; a path listed twice is dropped. Classes named
    female/male, f/m, woman/man, women/men or 0/1 are 0/1; any other two names in alphabetical order.

    Raises InputError where there are not exactly two classes, for a missing column, a row of the wrong
    length, a path that leaves the folder, and where no image is left.
    """
    if csv is None and root.is_file():
        root, csv = root.parent, root
    root = existing_folder(root)
    if csv is not None:
        return _from_csv(root, csv)
    if (root / CSV_NAME).is_file():
        return _from_csv(root, root / CSV_NAME)
    return _from_class_folders(root)


def _from_csv(root: Path, path: Path) -> Labels:
    rows = list(headed_rows(path, comma_separated(path), ("path", "label")))
    labels = _label_of_class({row["label"] for row in rows}, f"the column label of {path}")
    kept: dict[str, ImageRow] = {}
    dropped: Counter[str] = Counter()
    for row in rows:
        image = relative_path(row["path"], row)
        if image in kept:
            dropped[REPEATED_IMAGE] += 1
        else:
            kept[image] = ImageRow(image, labels[row["label"]], row.values.get("subject") or None)
    return Labels(
        root=root,
        table=image_table(list(kept.values()), root, "folder"),
        class_names=tuple(labels),
        group_kind="column subject" if any(row.subject for row in kept.values()) else "",
        rows_read=len(rows),
        dropped=dropped,
        subjects=len({row.values.get("subject") or None for row in rows} - {None}),
        notes=(f"labels are read from {path}", _mapping(labels)),
    )


def _from_class_folders(root: Path) -> Labels:
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    labels = _label_of_class({folder.name for folder in folders}, f"the folders in {root}")
    kept: list[ImageRow] = []
    ignored = 0
    for folder in folders:
        files = list(_files_below(folder))
        images = [path for path in files if path.suffix.lower() in SUFFIXES]
        ignored += len(files) - len(images)
        kept += [ImageRow(path.relative_to(root).as_posix(), labels[folder.name]) for path in images]
    notes = (
        _mapping(labels),
        *([f"{ignored:,} files that are no images by their name are left out"] * bool(ignored)),
    )
    return Labels(
        root=root,
        table=image_table(kept, root, "folder"),
        class_names=tuple(labels),
        rows_read=len(kept),
        dropped={},
        subjects=0,
        notes=notes,
    )


def _files_below(folder: Path) -> Iterator[Path]:
    # not rglob, which passes over a folder that it may not list
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders.sort()  # in place, which is the order in which os.walk goes on
        yield from (Path(parent) / name for name in sorted(files))


def _refuse(error: OSError) -> None:
    raise InputError(
        f"{error.filename} cannot be listed ({error.strerror}); check its permissions"
    ) from error


def _label_of_class(names: Collection[str], where: str) -> dict[str, int]:
    if len(names) != 2 or "" in names:
        first = sorted(name or "(empty)" for name in names)[:10]
        found = ", ".join(first + ["…"] * (len(names) > len(first))) or "none"
        raise InputError(f"there must be exactly two classes, {where} name {len(names)}: {found}; keep two")
    # the name itself decides between two that differ in capitals alone, on every machine alike
    ordered = sorted(names, key=lambda name: (name.lower(), name))
    lowered = {name.lower(): name for name in names}
    for female, male in KNOWN_CLASSES:
        if set(lowered) == {female, male}:
            ordered = [lowered[female], lowered[male]]
    return {ordered[0]: 0, ordered[1]: 1}


def _mapping(labels: dict[str, int]) -> str:
    return "classes: " + ", ".join(f"{name} is label {label}" for name, label in labels.items())
