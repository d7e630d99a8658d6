"""CelebA's label files in their public forms: the original text, and the CSV files that pandas writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data_prep.command_line.parser import did_you_mean
from data_prep.datasets.label_files import (
    LabelRow,
    NumberedFields,
    blank_separated,
    rows_under,
    separated,
)
from data_prep.datasets.own_folder.folder_rules import group_name
from data_prep.errors import InputError

IMAGE = "image_id"


def attribute_rows(root: Path, attribute: str, *, part: bool) -> Iterator[LabelRow]:
    """Returns the rows of the attribute file below `root`, with the columns image_id and `attribute`.

    Raises InputError where there is no such file or attribute; and, as the rows are read, for one of the
    wrong length, and at the end where the file does not have the rows that it declares, unless `part`.
    """
    path = _found(root, "Anno", "list_attr_celeba")
    if path is None:
        raise InputError(
            f"{root} holds neither list_attr_celeba.txt nor list_attr_celeba.csv, nor does its folder Anno; "
            "give the folder of CelebA's label files as --root"
        )
    header, records = _pandas(path) if path.suffix == ".csv" else _original(path, part=part)
    if attribute not in header:
        near = did_you_mean(attribute, [name for name in header if name not in ("", IMAGE)])
        raise InputError(
            f"{path} needs the column {attribute}, its header has {', '.join(header) or 'nothing'}; "
            f"check that this is the right file, and --attribute where it was given{near}"
        )
    return rows_under(path, header, records, (IMAGE, attribute))


def partition_file(root: Path) -> Path | None:
    """Returns the file of the official partition below `root`, None where there is none."""
    return _found(root, "Eval", "list_eval_partition")


def partition_rows(path: Path) -> Iterator[LabelRow]:
    """Returns the rows of a partition file, with the columns image_id and partition."""
    return _two_columns(path, "partition")


def identities_of(root: Path) -> Mapping[str, str | None]:
    """Returns the person on each image, by the image's name; nothing where that file is not there."""
    path = _found(root, "Anno", "identity_CelebA")
    if path is None:
        return {}
    return {row[IMAGE]: group_name(row["identity"]) for row in _two_columns(path, "identity")}


def _found(root: Path, folder: str, name: str) -> Path | None:
    """Returns the file of that name in `root` or its `folder`: the original text, else the CSV form."""
    places = (base / f"{name}.{suffix}" for suffix in ("txt", "csv") for base in (root, root / folder))
    return next((path for path in places if path.is_file()), None)


def _two_columns(path: Path, column: str) -> Iterator[LabelRow]:
    header: Sequence[str]
    if path.suffix == ".csv":
        header, records = _pandas(path)
    else:
        header, records = (IMAGE, column), blank_separated(path)  # the original has no header
    return rows_under(path, header, records, (IMAGE, column))


def _pandas(path: Path) -> tuple[list[str], Iterator[NumberedFields]]:
    records = separated(path)
    _, header = next(records, (0, []))
    if IMAGE not in header and header[:1] == [""]:
        header = [IMAGE, *header[1:]]  # pandas' index, which has no name
    return header, records


def _original(path: Path, *, part: bool) -> tuple[list[str], Iterator[NumberedFields]]:
    records = blank_separated(path)
    count, names = next(records, None), next(records, None)
    if count is None or names is None:
        raise InputError(
            f"{path} must have a count, a line of names and rows, it has {int(count is not None)} lines"
        )
    # the names stand above the values alone: the column of the images has none
    header = [IMAGE, *names[1]]
    return header, records if part else _counted(path, _declared(path, count[1]), records)


def _declared(path: Path, first_line: list[str]) -> int:
    if len(first_line) != 1 or not first_line[0].isdecimal():
        raise InputError(
            f"line 1 of {path} must be the number of rows, it is {' '.join(first_line)[:60]!r}; "
            "check that this is the original file"
        )
    return int(first_line[0])


def _counted(path: Path, declared: int, records: Iterator[NumberedFields]) -> Iterator[NumberedFields]:
    rows = 0
    for record in records:
        rows += 1
        yield record
    if rows != declared:
        raise InputError(
            f"{path} declares {declared:,} rows and holds {rows:,}: it is not whole; "
            "fetch it again, or pass --part to use what is there"
        )
