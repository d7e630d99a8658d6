"""Anybody's own photographs: a folder for each class, a given split of such folders, or a CSV file."""

from __future__ import annotations

from pathlib import Path

from data_prep.datasets.image_files import image_files
from data_prep.datasets.labels import Labels, existing_folder, labels_of
from data_prep.datasets.own_folder.classes import alike, class_order, mapping
from data_prep.datasets.own_folder.csv_labels import read_csv
from data_prep.datasets.own_folder.folder_rules import FolderRules, composed
from data_prep.datasets.own_folder.layout import layout_of
from data_prep.datasets.row_collector import ImageRow, RowCollector
from data_prep.datasets.tally import Tally

CSV_NAME = "labels.csv"
BESIDE = "beside the folders of the classes"
UNLISTED = "not in the list"


def load_folder(root: Path, *, csv: Path | None = None, rules: FolderRules | None = None) -> Labels:
    """Returns the labels of the images under `root`.

    Read is `csv` (or that of `rules`) where given, else `root` where it is a CSV file itself, else
    `root`/labels.csv where it exists, else `root`/<class>/** or `root`/<part>/<class>/**. Classes named
    female/male, f/m, woman/man, women/men or 0/1 are 0/1; others in alphabetical order, if `rules` do not
    say otherwise.

    Raises InputError for classes that cannot be told, for a missing column, a row of the wrong length, a path
    that leaves the folder, rows that contradict each other, and where no image is left.
    """
    rules = rules or FolderRules()
    csv = csv or rules.csv
    if csv is None and root.is_file():
        root, csv = root.parent, root
    root = existing_folder(root)
    if csv is None and (root / CSV_NAME).is_file():
        csv = root / CSV_NAME
    return _from_class_folders(root, rules) if csv is None else _from_csv(root, csv, rules)


def _from_csv(root: Path, path: Path, rules: FolderRules) -> Labels:
    collector = RowCollector(rules.on_conflict)
    columns, remarks = read_csv(root, path, rules, collector)
    if rules.look_for_images and path.parent == root:
        _count_unlisted(root, rules, collector)
    classes = class_order(collector.class_names(), f"the column {columns.label} of {path}", rules.class_names)
    return labels_of(
        collector,
        root=root,
        source="folder",
        class_names=classes,
        group_kind=f"column {columns.group}" if columns.group else "pattern",
        notes=(f"labels are read from {path}", mapping(classes), *alike(classes), *remarks),
    )


def _count_unlisted(root: Path, rules: FolderRules, collector: RowCollector) -> None:
    """Counts the images that lie beside a list and are not in it."""
    for image in image_files(root, Tally(), follow_links=rules.follow_links):
        if image not in collector:
            collector.leave_out(UNLISTED, image)


def _from_class_folders(root: Path, rules: FolderRules) -> Labels:
    collector = RowCollector()
    paths = image_files(root, collector.tally, follow_links=rules.follow_links)
    parts = [path.split("/") for path in paths]
    layout = layout_of(parts, named=rules.class_names)
    for path, names in zip(paths, parts, strict=True):
        class_name = layout.class_of(names)
        if class_name is None:
            collector.leave_out(BESIDE, path)
            continue
        group, part = rules.group_in_path(path), layout.partition_of(names)
        collector.add(ImageRow(path, composed(class_name), group, partition=part))
    where = f"the folders in {'/'.join((str(root), *layout.above))}"
    classes = class_order(collector.class_names(), where, rules.class_names)
    return labels_of(
        collector,
        root=root,
        source="folder",
        class_names=classes,
        group_kind="pattern",
        notes=(mapping(classes), *alike(classes), *layout.notes()),
    )
