"""Parts of a report, before they become HTML, Markdown or pictures. All text is plain, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
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


@dataclass(frozen=True, kw_only=True)
class KeyNumber:
    """A number with its title, and a sentence on it."""

    number: str
    title: str
    text: str


@dataclass(frozen=True)
class KeyNumbers:
    """The few numbers that a reader is to remember."""

    items: Sequence[KeyNumber]


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
    runs: int = 1  # whose mean it is
    trial: str = ""  # the key of the one whose it is
    colour: str = ""  # the next one of the palette where it is empty


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves over common axes; with `diagonal` the line from (0, 0) to (1, 1) is drawn for comparison."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    diagonal: bool = False


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


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of parallel coordinates: a position for each line, and the text at some positions.

    Where there are few positions each has its text, else those from the lowest to the highest have.
    """

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

    def within(self, ranges: Sequence[tuple[float, float]]) -> Parallel:
        """Returns it with the lines alone that cross each axis within its range, given in their order."""
        kept = [
            number
            for number in range(len(self.ranks))
            if all(
                low <= axis.positions[number] <= high
                for axis, (low, high) in zip(self.axes, ranges, strict=True)
            )
        ]
        axes = [replace(axis, positions=[axis.positions[number] for number in kept]) for axis in self.axes]
        return replace(self, axes=axes, ranks=[self.ranks[number] for number in kept])


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
Block: TypeAlias = Paragraph | Alert | KeyNumbers | Bullets | Table | PngImage | Gallery | Figure


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


def said_once(sections: Iterable[Section]) -> Iterator[Section]:
    """Yields `sections` without the remarks that an earlier one has already, and without empty ones."""
    said: set[str] = set()
    for section in sections:
        blocks: list[Block] = []
        for block in section.blocks:
            if isinstance(block, Bullets):
                block = Bullets([item for item in block.items if item not in said])
                said.update(block.items)
            if block != Bullets([]):
                blocks.append(block)
        if blocks:
            yield replace(section, blocks=blocks)


def numbered(sections: Iterable[Section]) -> Iterator[Section]:
    """Yields `sections` with "Figure 3. " or "Table 2. " before each caption."""
    figures, tables = count(1), count(1)

    def with_number(block: Block) -> Block:
        if isinstance(block, Table):
            return replace(block, caption=f"Table {next(tables)}. {block.caption}")
        if isinstance(block, Lines | Points | Parallel | PngImage | Gallery):
            return replace(block, caption=f"Figure {next(figures)}. {block.caption}")
        return block

    for section in sections:
        yield replace(section, blocks=[with_number(block) for block in section.blocks])


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
