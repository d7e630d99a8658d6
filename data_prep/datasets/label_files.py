"""Text files with a header and rows, as label files come: read whole, checked, every row with its place."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError

NumberedFields = tuple[int, list[str]]
"""A line number (from 1) and the fields of that line."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a label file: its values by column, and where it stands."""

    path: Path
    line: int
    values: dict[str, str]

    @property
    def where(self) -> str:
        """The file and line, for a message."""
        return f"{self.path} line {self.line}"

    def __getitem__(self, column: str) -> str:
        return self.values[column]


def tab_separated(path: Path) -> list[NumberedFields]:
    """Returns the lines of `path` that are not blank, cut at every tab; quotes mean nothing."""
    return [(number, line.split("\t")) for number, line in _lines(path) if line.strip()]


def blank_separated(path: Path) -> list[NumberedFields]:
    """Returns the lines of `path` that are not blank, cut at runs of blanks."""
    return [(number, line.split()) for number, line in _lines(path) if line.strip()]


def comma_separated(path: Path) -> list[NumberedFields]:
    """Returns the records of a CSV file, without blank ones; fields are stripped of outer blanks."""
    reader = csv.reader((line for _, line in _lines(path)), strict=True)
    try:
        return [(reader.line_num, [field.strip() for field in fields]) for fields in reader if fields]
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num} is not CSV ({error}); repair the line") from error


def rows_under(
    path: Path, header: Sequence[str], records: Iterable[NumberedFields], needed: Sequence[str]
) -> Iterator[LabelRow]:
    """Yields one LabelRow for each record.

    Raises InputError where a `needed` column is not in `header`, a name stands in it twice, or a record
    has another number of fields than `header`.
    """
    _check_header(path, header, needed)
    for line, fields in records:
        if len(fields) != len(header):
            raise InputError(
                f"{path} line {line} must have {len(header)} columns like its header, has {len(fields)}; "
                "repair or remove the line"
            )
        yield LabelRow(path, line, dict(zip(header, fields, strict=True)))


def headed_rows(path: Path, records: Sequence[NumberedFields], needed: Sequence[str]) -> Iterator[LabelRow]:
    """Returns the rows below the first record, which is the header, as `rows_under` does."""
    return rows_under(path, records[0][1] if records else [], records[1:], needed)


def single_name(value: str, row: LabelRow, column: str) -> str:
    """Returns `value` where it is the plain name of a file or folder, else raises InputError."""
    if value in ("", ".", "..") or re.search(r"[/\\\0]", value):
        raise InputError(
            f"{column} must be a plain name that cannot leave the data folder, {row.where} has {value!r}; "
            "repair or remove the line"
        )
    return value


def relative_path(value: str, row: LabelRow) -> str:
    """Returns `value` as a POSIX path where it stays under the root, else raises InputError."""
    parts = value.split("/")
    if not value or value.startswith("/") or ".." in parts or re.search(r"[\\\0]|^[A-Za-z]:", value):
        raise InputError(
            f"a path must be relative to the data folder, written with / and without .., "
            f"{row.where} has {value!r}; repair or remove the line"
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _check_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    missing = [column for column in needed if column not in header]
    if missing:
        raise InputError(
            f"{path} needs the column {', '.join(missing)}, its header has {', '.join(header) or 'nothing'}; "
            "check that this is the right file"
        )
    if len(set(header)) < len(header):
        twice = sorted({column for column in header if list(header).count(column) > 1})
        raise InputError(f"{path} names the column {', '.join(twice)} twice; rename or remove one")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # not splitlines, which cuts at form feeds and the like, too, where a field may have one
    return enumerate(re.split(r"\r\n|\r|\n", _text(path)), start=1)


def _text(path: Path) -> str:
    content = _content(path)
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path} must be UTF-8 text, line {line} has the byte 0x{content[error.start]:02x} "
            f"(byte offset {error.start}); save the file as UTF-8"
        ) from error


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"there is no file {path}; check --root, and --csv where it was given")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
