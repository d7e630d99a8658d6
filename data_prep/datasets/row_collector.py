"""Collector of the rows of label files: each picture once, contradictions seen, what is left out counted."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from data_prep.command_line.names import shown_name
from data_prep.datasets.label_files import LabelRow
from data_prep.datasets.tally import Tally
from data_prep.errors import InputError

REPEATED_IMAGE = "repeated"
CONTRADICTING = "contradicts another row"
ON_CONFLICT = ("refuse", "drop", "first")


class ImageRow(NamedTuple):
    """One image: POSIX path relative to the root, the name of its class, and what is known beyond."""

    path: str
    class_name: str
    subject: str | None = None
    fold: int | None = None
    age: str | None = None
    partition: str | None = None


_CLAIMS = ("label", "group", "fold", "partition")


def _claims(row: ImageRow) -> tuple[object, ...]:
    return row.class_name, row.subject, row.fold, row.partition


class RowCollector:
    """Rows by the path of their picture.

    A row that says the same as an earlier one of its picture is repeated. One that says another class,
    group, fold or partition contradicts it: with `on_conflict` "refuse" that is an error, with "first" the
    earlier row stays, with "drop" none does.
    """

    def __init__(self, on_conflict: str = ON_CONFLICT[0]) -> None:
        self.tally = Tally()
        self._on_conflict = on_conflict
        self._kept: dict[str, ImageRow] = {}
        self._places: dict[str, tuple[Path, int]] = {}
        self._contradicted: dict[str, str] = {}
        self._left_out: set[str] = set()

    def add(self, row: ImageRow, place: LabelRow | None = None) -> None:
        """Takes `row`, which stands at `place`; a file by itself has none, and comes once."""
        first = self._kept.setdefault(row.path, row)
        if place is None:
            return
        if first is row:
            self._places[row.path] = place.path, place.line
        elif _claims(first) == _claims(row):
            self.tally.add(REPEATED_IMAGE, row.path)
        else:
            self._contradicted.setdefault(row.path, self._contradiction(first, row, place))
            self.tally.add(CONTRADICTING, row.path)

    def __contains__(self, path: str) -> bool:
        return path in self._kept or path in self._left_out

    def leave_out(self, reason: str, name: str) -> None:
        """Counts a row that is not taken."""
        self._left_out.add(name)
        self.tally.add(reason, name)

    def class_names(self) -> set[str]:
        """Returns the names of the classes of the rows taken so far."""
        return {row.class_name for row in self._kept.values()}

    def rows(self) -> list[ImageRow]:
        """Returns the rows that are kept, in the order of their first lines.

        Raises InputError where rows contradict each other and that is refused.
        """
        if self._contradicted and self._on_conflict == "refuse":
            first = next(iter(self._contradicted.values()))
            raise InputError(
                f"{len(self._contradicted):,} images have rows that contradict each other, the first is "
                f"{first}; repair the lines, or pass --on-conflict drop or first"
            )
        if self._on_conflict == "drop":
            for path in self._contradicted:
                self.tally.add(CONTRADICTING, path)  # its first row, which goes, too
                del self._kept[path]
            self._contradicted = {}
        return list(self._kept.values())

    def _contradiction(self, first: ImageRow, row: ImageRow, place: LabelRow) -> str:
        path, line = self._places[row.path]
        claim, one, other = next(
            (name, one, other)
            for name, one, other in zip(_CLAIMS, _claims(first), _claims(row), strict=True)
            if one != other
        )
        return (
            f"{shown_name(row.path)} with the {claim} {_shown(one)} in {path} line {line} "
            f"and {_shown(other)} in {place.where}"
        )


def _shown(value: object) -> str:
    return "unknown" if value is None else repr(value)
