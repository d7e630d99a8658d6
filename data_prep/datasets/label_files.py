"""Text files with a header and rows, as label files come: read whole, checked, every row with its place."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.regular_files import NotRegularError, read_regular

NumberedFields = tuple[int, list[str]]
"""A line number (from 1) and the fields of that line."""

SEPARATORS = (",", ";", "\t")
_MOST_BYTES = 2**30  # ten million rows with long names
_FIRST_BYTES = 64  # of a file, by which its encoding is told
# of pandas, R, JSON, Excel and people, in any capitals
_MISSING = frozenset(("", "nan", "na", "n/a", "<na>", "#n/a", "none", "null", "-"))


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


def tab_separated(path: Path) -> Iterator[NumberedFields]:
    """Yields the lines of `path` that are not blank, cut at every tab; quotes mean nothing."""
    return ((number, line.split("\t")) for number, line in _lines(path) if line.strip())


def blank_separated(path: Path) -> Iterator[NumberedFields]:
    """Yields the lines of `path` that are not blank, cut at runs of blanks."""
    return ((number, line.split()) for number, line in _lines(path) if line.strip())


def separated(path: Path) -> Iterator[NumberedFields]:
    """Yields the records of a CSV file, without blank ones; fields are stripped of outer blanks.

    The separator is the one of `SEPARATORS` that cuts the header into the most fields.
    """
    text = _text(path)
    # strict: a quote that is never closed would swallow the rest of the file
    reader = csv.reader(_opened(text), strict=True, delimiter=_separator(text))
    try:
        for fields in reader:
            stripped = [field.strip() for field in fields]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num} is not CSV ({error}); repair the line") from error


def is_missing(value: str) -> bool:
    """Returns whether `value` is one of the ways in which programs write that there is no value."""
    return value.casefold() in _MISSING


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


def headed_rows(path: Path, records: Iterator[NumberedFields], needed: Sequence[str]) -> Iterator[LabelRow]:
    """Returns the rows below the first record, which is the header, as `rows_under` does."""
    _, header = next(records, (0, []))
    return rows_under(path, header, records, needed)


def single_name(value: str, row: LabelRow, column: str) -> str:
    """Returns `value` where it is the plain name of a file or folder, else raises InputError."""
    if value in ("", ".", "..") or re.search(r"[/\\\0]", value):
        raise InputError(
            f"{column} must be a plain name that cannot leave the data folder, {row.where} has {value!r}; "
            "repair or remove the line"
        )
    return value


def relative_path(value: str, row: LabelRow, root: Path) -> str:
    """Returns `value` as a POSIX path where it stays under `root`, else raises InputError.

    An absolute path is one, too, where it leads into `root`.
    """
    inside = _within(root, value) if value.startswith("/") else value
    parts = inside.split("/")
    # on Windows a backslash or a drive would lead elsewhere
    if not inside or inside.startswith("/") or ".." in parts or re.search(r"[\\\0]|^[A-Za-z]:", inside):
        raise InputError(
            f"a path must be relative to the data folder or lie in it, written with / and without .., "
            f"{row.where} has {value!r}; repair or remove the line"
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _within(root: Path, path: str) -> str:
    """Returns an absolute `path` relative to `root`, which knows no links; one that lies elsewhere stays."""
    if path.startswith(f"{root}/"):
        return path.removeprefix(f"{root}/")
    folder, _, name = path.rpartition("/")
    real = f"{os.path.realpath(folder)}/{name}"
    return real.removeprefix(f"{root}/") if real.startswith(f"{root}/") else path


def _check_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    missing = [column for column in needed if column not in header]
    if missing:
        raise InputError(
            f"{path} needs the column {', '.join(missing)}, its header has {', '.join(header) or 'nothing'}; "
            "check that this is the right file"
        )
    # columns without a name are nobody's: pandas writes its index below one
    twice = sorted({column for column in header if column and list(header).count(column) > 1})
    if twice:
        raise InputError(f"{path} names the column {', '.join(twice)} twice; rename or remove one")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line.rstrip("\n")) for number, line in enumerate(_opened(_text(path)), start=1))


def _opened(text: str) -> io.StringIO:
    # not splitlines, which cuts at form feeds and the like, too, where a field may have one
    return io.StringIO(text, newline=None)


def _separator(text: str) -> str:
    header = next((line for line in _opened(text) if line.strip()), "")
    # by csv: a name in quotes may hold a separator
    return max(SEPARATORS, key=lambda separator: len(next(csv.reader([header], delimiter=separator), [])))


def _text(path: Path) -> str:
    content = _content(path)
    encoding = _encoding(content)
    try:
        return content.decode(encoding).removeprefix("\ufeff")  # Excel's mark before UTF-8
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path} must be UTF-8 text, line {line} has the byte 0x{content[error.start]:02x} "
            f"(byte offset {error.start}); save the file as UTF-8"
        ) from error


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # without its mark UTF-16 still shows: a header is of letters whose other byte is zero
    start = content[:_FIRST_BYTES]
    if start[1::2].count(0) > len(start) / 4:
        return "utf-16-le"
    return "utf-16-be" if start[::2].count(0) > len(start) / 4 else "utf-8"


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, _MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"there is no file {path}; check --root, and --csv where it was given") from None
    except NotRegularError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name another file") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
