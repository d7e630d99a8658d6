"""Rules by which a folder of somebody's own is read: columns, groups, classes, links, contradictions."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data_prep.datasets.label_files import is_missing
from data_prep.datasets.row_collector import ON_CONFLICT
from data_prep.errors import InputError

# people's ways to write that they do not know whom a picture shows, -1 that of cluster algorithms
_NO_GROUP = frozenset(("unknown", "?", "-1"))


@dataclass(frozen=True, kw_only=True)
class FolderRules:
    """What the user said of a folder; None where the usual holds.

    `csv` is the file of labels. `path_column`, `label_column` and `group_column` are columns of it.
    `group_regex` finds the group of an image in its path. `class_names` are the classes in the order of
    their labels. With `look_for_images` the names in a CSV file are compared with those on disk.

    Raises InputError for an unknown `on_conflict`, for a pattern that is none, and for two ways to the group.
    """

    csv: Path | None = None
    path_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    group_regex: str | None = None
    on_conflict: str = ON_CONFLICT[0]
    class_names: tuple[str, ...] | None = None
    follow_links: bool = False
    look_for_images: bool = True

    def __post_init__(self) -> None:
        if self.on_conflict not in ON_CONFLICT:
            raise InputError(
                f"--on-conflict must be one of {', '.join(ON_CONFLICT)}, received {self.on_conflict}"
            )
        if self.group_regex and self.group_column:
            raise InputError("a group comes from --group-column or from --group-regex; leave one of them out")
        _ = self._pattern  # raises

    def group_in_path(self, path: str) -> str | None:
        """Returns what the pattern finds in `path`: its first group in brackets, else the whole match."""
        found = self._pattern.search(path) if self._pattern else None
        if found is None:
            return None
        return group_name(found[1] if found.re.groups else found[0])

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if self.group_regex is None:
            return None
        try:
            return re.compile(self.group_regex)
        except re.error as error:
            raise InputError(
                f"--group-regex must be a regular expression, received {self.group_regex!r} ({error}); "
                "an example is '^[^/]+/(\\d+)_'"
            ) from error


def group_name(value: str | None) -> str | None:
    """Returns the name of a group in one form of Unicode, None where `value` says that there is none."""
    if value is None or is_missing(value) or value.casefold() in _NO_GROUP:
        return None
    return composed(value)


def composed(name: str) -> str:
    """Returns `name` in the composed form of Unicode (NFC): names that look alike are then equal."""
    return unicodedata.normalize("NFC", name)
