"""Tally of what is left out of a data set: how many for each reason, and the first names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from data_prep.command_line.names import shown_name

FIRST_NAMES = 5


class Tally:
    """Counts by reason, in the order in which the reasons came up, and the first names of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, reason: str, name: str) -> None:
        """Counts `name` for `reason`."""
        self.counts[reason] += 1
        if len(self._first[reason]) < FIRST_NAMES:
            self._first[reason].append(shown_name(name))

    @property
    def first(self) -> Mapping[str, tuple[str, ...]]:
        """The first names of each reason, at most `FIRST_NAMES`, as they can be printed."""
        return {reason: tuple(names) for reason, names in self._first.items()}
