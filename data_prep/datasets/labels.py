"""The labels of a data set as every loader returns them: image rows, and how many were dropped for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from data_prep.errors import InputError
from data_prep.manifest import typed_table

DRAWN_MARKER = "DRAWN.txt"
DRAWN_HEADLINE = "These pictures are drawn by a program; they show nobody."
REPEATED_IMAGE = "repeated"


class ImageRow(NamedTuple):
    """One image: POSIX path relative to the root, label (place of its class), and what is known beyond."""

    path: str
    label: int
    subject: str | None = None
    fold: int | None = None
    age: str | None = None
    partition: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """The usable rows of a data set before any image was opened.

    `table` has the manifest's columns, `class_names` and `group_kind` are as in the manifest; `rows_read`
    counts the rows of the files, of which `dropped` says how many went for which reason; `subjects` is the
    number of distinct subjects among all rows read; `notes` are sentences that the user should see.
    """

    root: Path
    table: pd.DataFrame
    class_names: tuple[str, ...]
    group_kind: str = ""
    rows_read: int
    dropped: Mapping[str, int]
    subjects: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.table.empty:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.dropped.items() if count)
            raise InputError(
                f"no usable row among the {self.rows_read:,} read from {self.root}"
                f"{f' (dropped: {reasons})' if reasons else ''}; check the files and the options"
            )


def image_table(rows: Sequence[ImageRow], root: Path, source: str) -> pd.DataFrame:
    """Returns `rows` in the manifest's columns; the source is "sample" where `root` lies in a drawn tree."""
    table = pd.DataFrame(rows, columns=list(ImageRow._fields))
    return typed_table(table.assign(source="sample" if is_drawn(root) else source))


def is_drawn(root: Path) -> bool:
    """Returns whether `root` or a folder above it carries the marker that the sample leaves."""
    return any(_is_marker(folder / DRAWN_MARKER) for folder in (root, *root.parents))


def existing_folder(root: Path) -> Path:
    """Returns `root` as an absolute path without links; raises InputError where it is not a folder."""
    if root.is_dir():
        return root.resolve()  # the manifest keeps it, for processes that stand in other folders
    problem = "is not a folder" if root.exists() else "does not exist"
    raise InputError(f"--root must be an existing folder, {root} {problem}; check the spelling")


def _is_marker(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return lines.readline().strip() == DRAWN_HEADLINE
    except OSError:
        return False
