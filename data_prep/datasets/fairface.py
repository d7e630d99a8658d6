"""FairFace: the two label files of the authors, which are a given split, and the folders train and val."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.datasets.label_files import LabelRow, headed_rows, is_missing, relative_path, separated
from data_prep.datasets.labels import Labels, existing_folder, labels_of
from data_prep.datasets.own_folder.classes import class_order
from data_prep.datasets.own_folder.folder_rules import FolderRules, composed
from data_prep.datasets.row_collector import ImageRow, RowCollector
from data_prep.errors import InputError

FILES = {"fairface_label_train.csv": "train", "fairface_label_val.csv": "validation"}
ATTRIBUTES = ("gender", "race", "age")


def load_fairface(root: Path, *, attribute: str = ATTRIBUTES[0], rules: FolderRules | None = None) -> Labels:
    """Returns the rows of FairFace under `root`, one of `ATTRIBUTES` as the label.

    The classes are the words of the files; of genders Male is 1. The rows of the two files are the parts
    train and validation.

    Raises InputError where neither file is there, for a missing column, and for rows that contradict each
    other.
    """
    root = existing_folder(root)
    rules = rules or FolderRules()
    collector = RowCollector(rules.on_conflict)
    for part, row in _rows(root, attribute):
        image, label = relative_path(row["file"], row, root), composed(row[attribute])
        if is_missing(label):
            collector.leave_out(f"{attribute} missing", image)
        else:
            age = None if is_missing(row["age"]) else row["age"]
            collector.add(ImageRow(image, label, rules.group_in_path(image), age=age, partition=part), row)
    return labels_of(
        collector,
        root=root,
        source="fairface",
        class_names=class_order(collector.class_names(), f"the column {attribute}", rules.class_names),
        group_kind="pattern",
    )


def _rows(root: Path, attribute: str) -> Iterator[tuple[str, LabelRow]]:
    there = {root / name: part for name, part in FILES.items() if (root / name).is_file()}
    if not there:
        raise InputError(
            f"{root} holds neither {' nor '.join(FILES)}; give the folder of FairFace's label files as --root"
        )
    for path, part in there.items():
        for row in headed_rows(path, separated(path), ("file", "age", attribute)):
            yield part, row
