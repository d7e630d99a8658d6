"""The page of an audit: one HTML file with the pictures in it, which loads nothing and sends nothing."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from data_prep.audit.finding import Audit, Finding, Pictures
from data_prep.errors import InputError
from data_prep.pictures.decoder import decoded
from data_prep.pictures.files import bytes_of

SHOWN_GROUPS, SHOWN_PICTURES = 60, 12
THUMBNAIL_PX, THUMBNAIL_QUALITY = 128, 80


def to_html(audit: Audit, name: str, made_on: str) -> str:
    """Returns the page of `audit`, headed by `name`; the pictures of its findings are read and embedded."""
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
    return _Figure(path, audit.class_of(row), _thumbnail(audit.manifest.root / path))


def _thumbnail(file: Path) -> str:
    """Returns a small JPEG in base64, "" where the picture is gone."""
    try:
        with (
            bytes_of(file) as content,
            decoded(content, file.name, at_least_px=THUMBNAIL_PX, min_side=None) as picture,
        ):
            small = picture.image.copy()
    except InputError:
        return ""
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    small.info.clear()  # a place or a name in the description of a photograph stays where it is
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=THUMBNAIL_QUALITY)
    return base64.b64encode(jpeg.getvalue()).decode()
