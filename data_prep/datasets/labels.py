"""The labels of a data set as every loader returns them: image rows, and how many were dropped for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.datasets.row_collector import ImageRow, RowCollector
from data_prep.errors import InputError
from data_prep.manifest import typed_table

if TYPE_CHECKING:
    import pandas as pd

DRAWN_MARKER = "DRAWN.txt"
DRAWN_HEADLINE = "These pictures are drawn by a program; they show nobody."


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """The usable rows of a data set before any image was opened.

    `table` has the manifest's columns, and `class_names` and `group_kind` are the manifest's. `rows_read`
    counts the rows of the files, or the files of folders, of which `dropped` says how many went for which
    reason and `first_dropped` which were the first; `subjects` is the number of distinct subjects among all
    rows read; `notes` are sentences that the user should see.
    """

    root: Path
    table: pd.DataFrame
    class_names: tuple[str, ...]
    group_kind: str = ""
    rows_read: int
    dropped: Mapping[str, int]
    first_dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.table.empty:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.dropped.items() if count)
            raise InputError(
                f"no usable row among the {self.rows_read:,} read from {self.root}"
                f"{f' (dropped: {reasons})' if reasons else ''}; check the files and the options"
            )


def labels_of(
    collector: RowCollector,
    *,
    root: Path,
    source: str,
    class_names: Sequence[str],
    group_kind: str = "",
    subjects: int | None = None,
    notes: Sequence[str] = (),
) -> Labels:
    """Returns the labels of the rows in `collector`; the source is "sample" where `root` is in a drawn tree.

    `class_names` are in the order of the labels; `group_kind` holds where any row has a group; `subjects` is
    counted among the rows that are kept where it is not given.
    """
    rows = collector.rows()  # first: rows that are dropped here are in the tally afterwards
    import pandas as pd  # slow: who only looks at a study does without

    table = pd.DataFrame(rows, columns=list(ImageRow._fields))
    known = int(table["subject"].nunique())
    label_of = {name: label for label, name in enumerate(class_names)}
    return Labels(
        root=root,
        table=typed_table(
            table.assign(
                label=table["class_name"].map(label_of), source="sample" if is_drawn(root) else source
            )
        ),
        class_names=tuple(class_names),
        group_kind=group_kind if known else "",
        rows_read=len(rows) + collector.tally.counts.total(),
        dropped=collector.tally.counts,
        first_dropped=collector.tally.first,
        subjects=known if subjects is None else subjects,
        notes=tuple(notes),
    )


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
