"""The summary of a build: one JSON object for scripts, laid out lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data_prep.manifest import LABEL_NAMES, describe_label


@dataclass(frozen=True, kw_only=True, eq=False)
class Summary:
    """The counts of a build; `digest` and `manifest` are None where only labels were counted."""

    table: pd.DataFrame
    rows_read: int
    dropped: Mapping[str, int]
    subjects: int
    digest: str | None
    manifest: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that `--json` prints; its keys are kept for scripts."""
        return {
            "source": self.source,
            "rows_read": self.rows_read,
            "kept": len(self.table),
            "dropped": dict(self.dropped),
            "labels": {str(label): int((self.table["label"] == label).sum()) for label in LABEL_NAMES},
            "folds": {str(fold): count for fold, count in sorted(self._folds().items())},
            "subjects": self.subjects,
            "digest": self.digest,
            "manifest": None if self.manifest is None else str(self.manifest),
        }

    def to_text(self) -> str:
        """Returns the same for a reader, one fact per line."""
        return "\n".join(f"  {name:<10}{fact}" if fact else name for name, fact in self._lines())

    @property
    def source(self) -> str:
        """The data set that the rows come from."""
        return str(self.table["source"].iloc[0])

    def _folds(self) -> dict[int, int]:
        return dict(Counter(self.table["fold"].dropna().tolist()))

    def _lines(self) -> Iterator[tuple[str, str]]:
        drawn = " (drawn by a program, not photographs)" if self.source == "sample" else ""
        yield f"{self.source}{drawn}: {len(self.table):,} of {self.rows_read:,} rows kept", ""
        for number, (reason, count) in enumerate(self.dropped.items()):
            yield "" if number else "dropped", f"{count:>8,}  {reason}"
        for number, label in enumerate(LABEL_NAMES):
            count = int((self.table["label"] == label).sum())
            yield "" if number else "labels", f"{count:>8,}  {describe_label(label, self.source)}"
        for number, (fold, count) in enumerate(sorted(self._folds().items())):
            yield "" if number else "folds", f"{count:>8,}  fold {fold}"
        known = bool(self.subjects)
        yield "subjects", f"{self.subjects:>8,}  in the files" if known else "unknown"
        if known:
            yield "", f"{self.table['subject'].nunique():>8,}  among the rows kept"
        yield "digest", self.digest or "none: no image was read"
        yield "manifest", str(self.manifest or "none: nothing was written")
