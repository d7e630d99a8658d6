"""Parts of a report, before they become HTML, Markdown or pictures. All text is plain, never markup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

_OWN = {"ours": "this study"}  # what a column of ours is called where no other stands beside it


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    text: str


@dataclass(frozen=True)
class Alert:
    """A sentence, or several, that a reader must not miss."""

    title: str
    items: Sequence[str]


@dataclass(frozen=True)
class Bullets:
    """A list of remarks."""

    items: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose first column heads its rows; `strong` are the numbers of the rows to stress."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()

    def of_this_study(self) -> Table:
        """Returns the table without its columns of published figures."""
        kept = [n for n, title in enumerate(self.columns) if not title.endswith("published")]
        return replace(
            self,
            columns=[_OWN.get(self.columns[n], self.columns[n].removesuffix(", ours")) for n in kept],
            rows=[[row[n] for n in kept] for row in self.rows],
        )


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve; `low` and `high` bound a band around it, or with `dots` the error bars of single points.

    With `steps` a value holds until the next one.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dots: bool = False
    steps: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves over common axes; with `diagonal` the line from (0, 0) to (1, 1) is drawn for comparison."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    diagonal: bool = False
    y_range: tuple[float, float] | None = None  # what is shown, None for all


@dataclass(frozen=True, kw_only=True)
class Lines:
    """One or several panels of curves; `name` becomes the name of the picture."""

    name: str
    caption: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Series:
    """A point for each category, None where there is none, with error bars where `low` and `high` are."""

    label: str
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True, kw_only=True)
class Points:
    """Points over named categories."""

    name: str
    caption: str
    x_label: str
    y_label: str
    categories: Sequence[str]
    series: Sequence[Series]
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of parallel coordinates: a position for each line, and the text at some positions."""

    label: str
    positions: Sequence[float]
    ticks: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """Parallel coordinates: a line for each trial, coloured by its rank from 0 (worst) to 1 (best)."""

    name: str
    caption: str
    axes: Sequence[Axis]
    ranks: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class PngImage:
    """A picture that was made elsewhere: the bytes of a PNG file."""

    name: str
    caption: str
    png: bytes = field(repr=False)  # else a message that shows it is full of them


@dataclass(frozen=True)
class GalleryPicture:
    """A picture of the data, at a path that may be gone, and the lines below it."""

    path: Path
    lines: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Small pictures of the data side by side, in pages that are looked at; they are sent nowhere."""

    name: str
    caption: str
    pictures: Sequence[GalleryPicture]


Figure: TypeAlias = Lines | Points | Parallel
Block: TypeAlias = Paragraph | Alert | Bullets | Table | PngImage | Gallery | Figure


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report; `name` is unique, of letters, digits and hyphens."""

    name: str
    title: str
    blocks: Sequence[Block]

    def of_this_study(self) -> Section:
        """Returns the part without columns of published figures: those of other data would mislead."""
        blocks = [block.of_this_study() if isinstance(block, Table) else block for block in self.blocks]
        return replace(self, blocks=blocks)


@dataclass(frozen=True, kw_only=True)
class Document:
    """The report; `remark` is said of all of it."""

    title: str
    made_on: str  # the only thing in it that is not the study's
    remark: str = ""
    sections: Sequence[Section]

    def figures(self) -> list[Figure]:
        """Returns all figures in their order."""
        return [block for block in self._blocks() if isinstance(block, Lines | Points | Parallel)]

    def photos(self) -> list[PngImage]:
        """Returns all pictures that were made elsewhere, in their order."""
        return [block for block in self._blocks() if isinstance(block, PngImage)]

    def _blocks(self) -> Iterator[Block]:
        return (block for section in self.sections for block in section.blocks)
