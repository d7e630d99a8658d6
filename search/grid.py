"""The figure of the report: photographs in a grid, each with the label and probability that a model gives."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from matplotlib import font_manager, style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.patches import Rectangle

from search.report.render.palette import COLOURS
from trainables.features.images import Pixels

PAGE = 48  # photographs on one picture
PHOTO_PX = 240  # the longer side of a photograph in it
_DPI = 130
_CELL_INCHES, _HEAD_INCHES, _LINE_INCHES = 1.6, 0.18, 0.2
_WORDS_INCHES, _TRUTH_INCHES = 0.42, 0.14  # below a photograph
_SMALLEST_WIDTH = 4.2  # so that the title has room
_COLUMNS = {5: 5, 10: 5, 18: 6, 28: 7, PAGE: 8}  # up to so many photographs: columns
_NAME_LETTERS, _LABEL_LETTERS, _TITLE_LETTERS = 24, 14, 22
_MISSING = "?"  # for a letter that the font lacks
_RIGHT, _WRONG, _UNKNOWN = "\N{CHECK MARK} ", "\N{BALLOT X} ", ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One photograph: pixels `(h, w, 3)` or None, what it is called, and what is said of it.

    `label` (0 or 1) and `label_name` are the model's and `probability` that of this label; without a label
    `problem` says in a few words why there is none. `truth` is the name of the label that the photograph
    has, empty where it is not known.
    """

    pixels: Pixels | None
    name: str
    label: int | None = None
    label_name: str = ""
    probability: float = 0.0
    truth: str = ""
    problem: str = ""


def draw_grid(cells: Sequence[Cell], title: str, notes: Sequence[str] = ()) -> bytes:
    """Returns a PNG of at most PAGE cells, with `title` and a line for each of `notes` above them.

    Long names are shortened in their middle. The same arguments give the same bytes. Raises ValueError
    where there is no cell or more than PAGE.
    """
    if not 1 <= len(cells) <= PAGE:
        raise ValueError(f"a page has 1 to {PAGE} cells, received {len(cells)}")
    columns = columns_of(len(cells))
    rows = -(-len(cells) // columns)
    file = io.BytesIO()
    with style.context("default"):  # not a user's own matplotlibrc
        width = max(_SMALLEST_WIDTH, columns * _CELL_INCHES)
        lines = [title, *(line for note in notes for line in _wrapped(note, round(width * 15)))]
        head = _HEAD_INCHES + _LINE_INCHES * len(lines)
        pitch = _CELL_INCHES + _WORDS_INCHES + _TRUTH_INCHES * any(cell.truth for cell in cells)
        canvas = Figure((width, head + rows * pitch), dpi=_DPI)
        FigureCanvasAgg(canvas)
        _write_head(canvas, lines)
        for number, cell in enumerate(cells):
            _draw_cell(_axes(canvas, divmod(number, columns), columns, head, pitch), cell)
        canvas.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def columns_of(count: int) -> int:
    """Returns in how many columns `count` photographs, 1 to PAGE, are laid out."""
    return min(count, next(columns for most, columns in _COLUMNS.items() if count <= most))


def shortened(text: str, letters: int) -> str:
    """Returns `text` in at most so many letters: what is too much is taken out of its middle."""
    if len(text) <= letters:
        return text
    end = letters * 2 // 3  # names differ at their ends
    return f"{text[: letters - end - 1]}…{text[-end:]}"


def _wrapped(text: str, letters: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _write_head(canvas: Figure, lines: Sequence[str]) -> None:
    width, height = canvas.get_size_inches()
    for number, line in enumerate(lines):
        canvas.text(
            0.1 / width,
            1 - (0.12 + number * _LINE_INCHES) / height,
            _printable(line),
            fontsize=9 if number == 0 else 8,
            weight="bold" if number == 0 else "normal",
            va="top",
            parse_math=False,
        )


def _axes(canvas: Figure, place: tuple[int, int], columns: int, head: float, pitch: float) -> Axes:
    width, height = canvas.get_size_inches()
    row, column = place
    left = (width - columns * _CELL_INCHES) / 2 + column * _CELL_INCHES + 0.06
    bottom = height - head - row * pitch - _CELL_INCHES
    side = _CELL_INCHES - 0.12
    return canvas.add_axes((left / width, bottom / height, side / width, side / height))


def _draw_cell(axes: Axes, cell: Cell) -> None:
    axes.set_axis_off()
    axes.set_anchor("S")  # wide photographs stand on their words
    if cell.pixels is None:
        axes.add_patch(_grey_square())
    else:
        axes.imshow(cell.pixels, interpolation="bilinear")
    for height, text, options in _words(cell):
        axes.annotate(
            _printable(text),
            (0.5, 0),
            xytext=(0, -height),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="top",
            parse_math=False,
            **options,
        )


def _words(cell: Cell) -> list[tuple[float, str, dict[str, Any]]]:
    """The lines below a photograph: how many points below it, the text, and how it is written."""
    verdict, colour = cell.problem, "#555555"
    if cell.label is not None:
        verdict = f"{shortened(cell.label_name, _LABEL_LETTERS)} {cell.probability:.3f}"
        colour = COLOURS[cell.label]
    words: list[tuple[float, str, dict[str, Any]]] = [
        (3, shortened(verdict, _TITLE_LETTERS), {"fontsize": 8.5, "weight": "bold", "color": colour}),
        (16, shortened(cell.name, _NAME_LETTERS), {"fontsize": 6.5, "color": "#333333"}),
    ]
    if cell.truth:
        right = cell.label is not None and cell.label_name == cell.truth
        mark = _UNKNOWN if cell.label is None else _RIGHT if right else _WRONG
        text = f"{mark}annotated {shortened(cell.truth, _LABEL_LETTERS)}"
        words.append((26, text, {"fontsize": 7, "color": "#333333" if right else "#b3261e"}))
    return words


def _grey_square() -> Rectangle:
    return Rectangle((0, 0), 1, 1, facecolor="#e4e4e4", edgecolor="#bbbbbb")


def _printable(text: str) -> str:
    """Letters that the font lacks would be drawn as boxes, with a warning for each."""
    return "".join(letter if ord(letter) in _font_letters() else _MISSING for letter in text)


@cache
def _font_letters() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())
