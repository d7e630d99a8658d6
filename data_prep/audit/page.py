"""The page of an audit: one HTML file with the pictures in it, which loads nothing and sends nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from data_prep.audit.finding import Audit, Finding, Pictures
from data_prep.pictures.thumbnail import thumbnail

SHOWN_GROUPS, SHOWN_PICTURES = 60, 12


def to_html(audit: Audit, name: str, made_on: str) -> str:
    """Returns the page of `audit`, headed by `name`; the pictures of its findings are read and embedded."""
    # names of files and classes are anybody's text
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        files("data_prep.audit").joinpath("page.html").read_text("utf-8")
    )
    return template.render(
        name=name,
        made_on=made_on,
        images=f"{len(audit.manifest):,}",
        classes=f"{len(audit.manifest.class_names):,}",
        findings=[_Section.of(finding, audit) for finding in audit.findings],
    )


@dataclass(frozen=True)
class _Figure:
    path: str
    class_name: str
    thumbnail: str


@dataclass(frozen=True)
class _Group:
    says: str
    pictures: tuple[_Figure, ...]
    left_out: int

    @classmethod
    def of(cls, group: Pictures, audit: Audit) -> _Group:
        shown = tuple(_figure(audit, row) for row in group.rows[:SHOWN_PICTURES])
        return cls(group.says, shown, len(group.rows) - len(shown))


@dataclass(frozen=True, kw_only=True)
class _Section:
    kind: str
    title: str
    sentence: str
    warns: bool
    groups: tuple[_Group, ...]
    left_out: int

    @classmethod
    def of(cls, finding: Finding, audit: Audit) -> _Section:
        shown = tuple(_Group.of(group, audit) for group in finding.groups[:SHOWN_GROUPS])
        return cls(
            kind=finding.kind,
            title=finding.title,
            sentence=finding.sentence,
            warns=finding.warns,
            groups=shown,
            left_out=len(finding.groups) - len(shown),
        )

    @property
    def single(self) -> bool:
        """Whether each group is one picture, with its words below it."""
        return all(len(group.pictures) == 1 for group in self.groups)


def _figure(audit: Audit, row: int) -> _Figure:
    path = audit.manifest.table["path"].iloc[row]
    small = base64.b64encode(thumbnail(audit.manifest.root / path)).decode()
    return _Figure(path, audit.class_of(row), small)
