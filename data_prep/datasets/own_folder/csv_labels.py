"""CSV files that list images with their classes, in the columns and the separators that people use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.class_names import listed
from data_prep.datasets.label_files import LabelRow, is_missing, relative_path, rows_under, separated
from data_prep.datasets.own_folder.folder_rules import FolderRules, composed, group_name
from data_prep.datasets.own_folder.layout import PARTS
from data_prep.datasets.own_folder.names_on_disk import NamesOnDisk
from data_prep.datasets.row_collector import ImageRow, RowCollector
from data_prep.errors import InputError

PATH_COLUMNS = ("path", "filename")  # filename and class are those of Keras
LABEL_COLUMNS = ("label", "class")
GROUP_COLUMNS = ("group", "subject")
PARTITION_COLUMNS = ("partition", "split")
FOLD_COLUMN = "fold"
NO_LABEL = "label missing"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Names of the columns of one file; None for what it does not have."""

    path: str
    label: str
    group: str | None
    partition: str | None
    fold: str | None
    header: tuple[str, ...]

    def notes(self) -> Iterator[str]:
        """Yields what the user should know of them."""
        read = (self.path, self.label, self.group, self.partition, self.fold)
        unread = [column for column in self.header if column and column not in read]
        if unread:
            yield f"columns that are not read: {listed(unread, most=10)}"
        if self.partition:
            given = f"the column {self.partition} is a given split (--split given)"
            yield f"{given}; test is read by --final only"


def read_csv(
    root: Path, path: Path, rules: FolderRules, collector: RowCollector
) -> tuple[Columns, Sequence[str]]:
    """Puts the rows of `path` into `collector`; returns the columns that they came from, and notes.

    Raises InputError for a missing column, a row of the wrong length, a path that leaves `root`, a part or
    a fold that is none.
    """
    records = separated(path)
    _, header = next(records, (0, []))
    columns = _columns(header, rules)
    _require_columns(path, columns)
    disk = NamesOnDisk(root)
    for row in rows_under(path, header, records, (columns.path, columns.label)):
        image = relative_path(row[columns.path], row, root)
        if rules.look_for_images:
            image = disk.of(image)
        label = composed(row[columns.label])
        if is_missing(label) and label not in (rules.class_names or ()):  # a class may be called none
            collector.leave_out(NO_LABEL, image)
        else:
            collector.add(_image_row(image, label, row, columns, rules), row)
    return columns, [*columns.notes(), *disk.notes()]


def _columns(header: Sequence[str], rules: FolderRules) -> Columns:
    group = rules.group_column or (None if rules.group_regex else _first(header, GROUP_COLUMNS))
    if rules.group_column and rules.group_column not in header:
        raise InputError(
            f"--group-column must be a column of the file, received {rules.group_column}; "
            f"its header has {', '.join(header)}"
        )
    return Columns(
        path=rules.path_column or _first(header, PATH_COLUMNS) or PATH_COLUMNS[0],
        label=rules.label_column or _first(header, LABEL_COLUMNS) or LABEL_COLUMNS[0],
        group=group,
        partition=_first(header, PARTITION_COLUMNS),
        fold=_first(header, (FOLD_COLUMN,)),
        header=tuple(header),
    )


def _require_columns(path: Path, columns: Columns) -> None:
    wanted = {"--path-column": columns.path, "--label-column": columns.label}
    missing = {option: column for option, column in wanted.items() if column not in columns.header}
    if missing:
        has = ", ".join(columns.header) or "nothing"
        raise InputError(
            f"{path} needs the column {' and '.join(missing.values())}, its header has {has}; "
            f"name a column that it has with {' and '.join(missing)}"
        )


def _first(header: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in header), None)


def _image_row(image: str, label: str, row: LabelRow, columns: Columns, rules: FolderRules) -> ImageRow:
    group = group_name(row[columns.group]) if columns.group else rules.group_in_path(image)
    return ImageRow(
        image,
        label,
        group,
        fold=_fold(row, columns.fold),
        partition=_partition(row, columns.partition),
    )


def _fold(row: LabelRow, column: str | None) -> int | None:
    if column is None or is_missing(row[column]):
        return None
    number = row[column].removesuffix(".0")  # as pandas writes a column in which some are missing
    if not number.isdecimal() or len(number) > 9:  # the manifest's column is Int64
        raise InputError(
            f"a fold must be a whole number from 0, {row.where} has {row[column]!r}; repair the line"
        )
    return int(number)


def _partition(row: LabelRow, column: str | None) -> str | None:
    if column is None or is_missing(row[column]):
        return None
    if row[column].casefold() not in PARTS:
        raise InputError(
            f"a partition must be train, validation or test, {row.where} has {row[column]!r}; repair the line"
        )
    return PARTS[row[column].casefold()]
