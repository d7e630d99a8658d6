"""The summary of a build: one JSON object for scripts, laid out lines for people."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.class_names import shown_name
from data_prep.datasets.labels import Labels
from data_prep.groups import ADIENCE_KINDS, groups_of
from data_prep.manifest import PARTITIONS

_LISTED_CLASSES = 30
_IMBALANCE = 1.5  # times its even share from which the most frequent class is named: 75 % of two


@dataclass(frozen=True, kw_only=True, eq=False)
class Summary:
    """The counts of a build; `digest` and `manifest` are None where only labels were counted.

    `audit` is a sentence for each thing that should be looked at before a search.
    """

    labels: Labels
    digest: str | None = None
    manifest: Path | None = None
    audit: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that `--json` prints; its keys are kept for scripts."""
        return {
            "source": self.source,
            "rows_read": self.labels.rows_read,
            "kept": len(self.labels.table),
            "dropped": dict(self.labels.dropped),
            "first_dropped": {reason: list(names) for reason, names in self.labels.first_dropped.items()},
            "class_names": list(self.labels.class_names),
            "labels": {str(label): self._count(label) for label in range(len(self.labels.class_names))},
            "folds": {str(fold): count for fold, count in sorted(self._folds().items())},
            "partitions": self._partitions(),
            "subjects": self.labels.subjects,
            "groups": {"kind": self.labels.group_kind, "count": self._groups()},
            "digest": self.digest,
            "manifest": None if self.manifest is None else str(self.manifest),
            "audit": list(self.audit),
        }

    def to_text(self) -> str:
        """Returns the same for a reader, one fact per line."""
        return "\n".join(f"  {name:<10}{fact}" if fact else name for name, fact in self._lines())

    @property
    def source(self) -> str:
        """The data set that the rows come from."""
        return str(self.labels.table["source"].iloc[0])

    def _folds(self) -> dict[int, int]:
        return dict(Counter(self.labels.table["fold"].dropna().tolist()))

    def _count(self, label: int) -> int:
        return int((self.labels.table["label"] == label).sum())

    def _lines(self) -> Iterator[tuple[str, str]]:
        drawn = " (drawn by a program, not photographs)" if self.source == "sample" else ""
        yield f"{self.source}{drawn}: {len(self.labels.table):,} of {self.labels.rows_read:,} rows kept", ""
        for number, (reason, count) in enumerate(self.labels.dropped.items()):
            yield "" if number else "dropped", f"{count:>8,}  {reason}{self._first_dropped(reason)}"
        for label, name in enumerate(self.labels.class_names[:_LISTED_CLASSES]):
            yield "" if label else "labels", f"{self._count(label):>8,}  {label} {shown_name(name)}"
        if len(self.labels.class_names) > _LISTED_CLASSES:
            yield "", f"          and {len(self.labels.class_names) - _LISTED_CLASSES:,} more classes"
        yield from self._imbalance()
        for number, (fold, count) in enumerate(sorted(self._folds().items())):
            yield "" if number else "folds", f"{count:>8,}  fold {fold}"
        for number, (part, count) in enumerate(self._partitions().items()):
            yield "" if number else "parts", f"{count:>8,}  {part}"
        yield from self._group_lines()
        yield "digest", self.digest or "none: no image was read"
        yield "manifest", str(self.manifest or "none: nothing was written")
        for number, sentence in enumerate(self.audit):
            yield "" if number else "audit", sentence
        if self.audit:
            named = shlex.quote(str(self.manifest))
            yield "", f"python -m data_prep.audit {named} --html audit.html shows the images"

    def _imbalance(self) -> Iterator[tuple[str, str]]:
        counts = [self._count(label) for label in range(len(self.labels.class_names))]
        share = max(counts) / max(sum(counts), 1)
        if share * len(counts) >= _IMBALANCE and share < 1:
            name = shown_name(self.labels.class_names[counts.index(max(counts))])
            yield (
                "",
                f"{share:.0%} of the rows are {name}: always answering {name} is right that often;",
            )
            yield (
                "",
                "--objective balanced_accuracy counts all classes alike, --class-weight balanced trains so",
            )

    def _group_lines(self) -> Iterator[tuple[str, str]]:
        kind = self.labels.group_kind
        if not kind:
            yield "groups", "unknown"
            return
        if kind in ADIENCE_KINDS:  # its subjects are pairs of a user and a face, whatever a group is
            yield "subjects", f"{self.labels.subjects:>8,}  in the files"
            yield "", f"{self.labels.table['subject'].nunique():>8,}  among the rows kept"
        without = int(groups_of(self.labels.table, kind).isna().sum())
        rest = f"; {without:,} images have none" if without else ""
        yield "groups", f"{self._groups():>8,}  by {kind}{rest}"

    def _first_dropped(self, reason: str) -> str:
        names = self.labels.first_dropped.get(reason, ())
        more = ", …" if len(names) < self.labels.dropped[reason] else ""
        return f": {', '.join(names)}{more}" if names else ""

    def _groups(self) -> int:
        return int(groups_of(self.labels.table, self.labels.group_kind).nunique())

    def _partitions(self) -> dict[str, int]:
        counts = Counter(self.labels.table["partition"].dropna().tolist())
        return {part: counts[part] for part in PARTITIONS if counts[part]}
