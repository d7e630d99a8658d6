"""A finding of the audit, and all of them: for a reader, for scripts, for the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from data_prep.manifest import Manifest

TOLD = 5  # pictures and groups in the text; the page shows more, and JSON has all


@dataclass(frozen=True)
class Pictures:
    """The rows of pictures to look at together, and what is to be seen."""

    rows: tuple[int, ...]
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    `kind` is its name for scripts; `sentence` says it; `warns` is whether something should be done;
    `counts` are its numbers by name.
    """

    kind: str
    title: str
    sentence: str
    warns: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    groups: tuple[Pictures, ...] = ()


@dataclass(frozen=True, eq=False)
class Audit:
    """The findings on the rows of `manifest`, in the order in which they are told."""

    manifest: Manifest
    findings: tuple[Finding, ...]

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings after which something should be done."""
        return tuple(finding for finding in self.findings if finding.warns)

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that `--json` prints; its keys are kept for scripts."""
        return {
            "digest": self.manifest.digest,
            "images": len(self.manifest),
            "class_names": list(self.manifest.class_names),
            "warnings": len(self.warnings),
            "findings": [self._finding(finding) for finding in self.findings],
        }

    def to_text(self) -> str:
        """Returns the same for a reader: one line per finding, and the first pictures of each."""
        return "\n".join(line for finding in self.findings for line in self._lines(finding))

    def short(self) -> list[str]:
        """Returns a line for every warning."""
        return [f"{finding.title}: {finding.sentence}" for finding in self.warnings]

    def name_of(self, row: int) -> str:
        """Returns the path of the picture of a row with the name of its class."""
        return f"{self.manifest.table['path'].iloc[row]} ({self.class_of(row)})"

    def class_of(self, row: int) -> str:
        """Returns the name of the class of a row."""
        return self.manifest.class_names[int(self.manifest.table["label"].iloc[row])]

    def _finding(self, finding: Finding) -> dict[str, Any]:
        return {
            "kind": finding.kind,
            "warns": finding.warns,
            "title": finding.title,
            "sentence": finding.sentence,
            "counts": finding.counts,
            "groups": [
                {"says": group.says, "pictures": [self._picture(row) for row in group.rows]}
                for group in finding.groups
            ],
        }

    def _picture(self, row: int) -> dict[str, Any]:
        return {"row": row, "path": self.manifest.table["path"].iloc[row], "class": self.class_of(row)}

    def _lines(self, finding: Finding) -> Iterator[str]:
        yield f"{'!' if finding.warns else ' '} {finding.title}: {finding.sentence}"
        for group in finding.groups[:TOLD]:
            names = [self.name_of(row) for row in group.rows[:TOLD]]
            more = f", and {len(group.rows) - TOLD:,} more" if len(group.rows) > TOLD else ""
            says = f": {group.says}" if group.says else ""
            yield f"      {', '.join(names)}{more}{says}"
        if len(finding.groups) > TOLD:
            yield f"      and {len(finding.groups) - TOLD:,} more"


def pictures(count: int) -> str:
    """Returns a number of pictures in words."""
    return "1 picture" if count == 1 else f"{count:,} pictures"
