"""The figure of the report: photographs in a grid, each with the label and probability that a model gives."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from data_prep.class_names import shown_name
from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from search.final_model.model_file import ModelFile
from search.prediction.letters import drawable
from search.prediction.predictions import PredictionRow
from search.report.render.palette import COLOURS
from trainables.features.images import Pixels
from trainables.inference.face_detection import PICTURE_PX
from trainables.inference.pictures import read_picture, resized

PAGE = 48  # photographs on one picture
LIMIT = 10 * PAGE  # photographs in a figure
PHOTO_PX = 240  # the longer side of a photograph in it
_DPI = 130
_CELL_INCHES, _HEAD_INCHES, _LINE_INCHES = 1.6, 0.18, 0.2
_WORDS_INCHES, _TRUTH_INCHES = 0.42, 0.14  # below a photograph
_SMALLEST_WIDTH = 4.2  # so that the title has room
_COLUMNS = {5: 5, 10: 5, 18: 6, 28: 7, PAGE: 8}  # up to so many photographs: columns
_NAME_LETTERS, _LABEL_LETTERS, _TITLE_LETTERS = 24, 14, 22
_RIGHT, _WRONG, _UNKNOWN = "\N{CHECK MARK} ", "\N{BALLOT X} ", ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One photograph: pixels `(h, w, 3)` or None, what it is called, and what is said of it.

    `label` and `label_name` are the model's and `probability` that of this label; without a label
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
        # some 15 letters are an inch wide
        lines = [title, *(line for note in notes for line in _wrapped(note, round(width * 15)))]
        head = _HEAD_INCHES + _LINE_INCHES * len(lines)
        pitch = _CELL_INCHES + _WORDS_INCHES + _TRUTH_INCHES * any(cell.truth for cell in cells)
        canvas = Figure((width, head + rows * pitch), dpi=_DPI)
        FigureCanvasAgg(canvas)  # not pyplot, which keeps each figure and looks for a screen
        _write_head(canvas, lines)
        for number, cell in enumerate(cells):
            _draw_cell(_axes(canvas, divmod(number, columns), columns, head, pitch), cell)
        # else matplotlib would write its version into it
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
            drawable(line),
            fontsize=9 if number == 0 else 8,
            weight="bold" if number == 0 else "normal",
            va="top",
            parse_math=False,  # a $ in a name begins no formula
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
            drawable(text),
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
        colour = COLOURS[cell.label % len(COLOURS)]
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


def write_pages(rows: Sequence[PredictionRow], model: ModelFile, out: Path) -> list[Path]:
    """Writes the first LIMIT rows to `out`, after PAGE of them to out-2.png and so on; returns the files."""
    shown = rows[:LIMIT]
    starts = range(0, len(shown), PAGE)
    paths = []
    for number, start in enumerate(starts, start=1):
        cells = cells_of(shown[start : start + PAGE], model.label_names)
        path = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
        _write(path, draw_grid(cells, _title(model), notes_of(model, number, len(starts), len(rows))))
        paths.append(path)
    return paths


def notes_of(model: ModelFile, number: int, pages: int, rows: int) -> list[str]:
    """Returns the lines above page `number` of `pages`: what is wrong with the model, and where one is."""
    limit = f", the first {LIMIT} of {rows:,}" if rows > LIMIT else ""
    return [*model.caveats, *([f"page {number} of {pages}{limit}"] * (pages > 1))]


def cells_of(rows: Sequence[PredictionRow], names: Sequence[str]) -> list[Cell]:
    """Returns what is drawn of each row; a photograph that can no longer be read has no pixels."""
    return [_cell(row, names) for row in rows]


def _write(path: Path, picture: bytes) -> None:
    write_whole(path, lambda file: file.write(picture))


def _title(model: ModelFile) -> str:
    folder = model.path.parent
    return f"{folder.parent.name if folder.name == 'winner' else model.path.name}: label and its probability"


def _cell(row: PredictionRow, names: Sequence[str]) -> Cell:
    truth = "" if row.photograph.label is None else shown_name(names[row.photograph.label])
    name = Path(row.photograph.shown_name).name + (f" · {row.face}" if row.face else "")
    probability = row.prediction.probability
    if row.label is None or probability is None:
        problem = "not read" if row.prediction.failed else "no face found"
        return Cell(pixels=_pixels(row), name=name, truth=truth, problem=problem)
    return Cell(
        pixels=_pixels(row),
        name=name,
        label=row.label,
        label_name=shown_name(names[row.label]),
        probability=row.prediction.probabilities[row.label],
        truth=truth,
    )


def _pixels(row: PredictionRow) -> Pixels | None:
    image, box = row.photograph.image, row.prediction.box
    try:
        if box is None:
            return read_picture(image, PHOTO_PX).pixels
        return resized(read_picture(image, PICTURE_PX).cut(box), PHOTO_PX, PHOTO_PX)
    except InputError:  # it was said already
        return None
