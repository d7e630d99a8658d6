"""The pages of a figure of photographs: which row stands on which, and the file of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from search.final_model.model_file import ModelFile
from search.grid import PAGE, PHOTO_PX, Cell, draw_grid
from search.predictions import Row
from trainables.features.images import Pixels
from trainables.inference.face_detection import PICTURE_PX
from trainables.inference.pictures import read_picture, resized

LIMIT = 10 * PAGE  # photographs in a figure


def write_pages(rows: Sequence[Row], model: ModelFile, out: Path) -> list[Path]:
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


def cells_of(rows: Sequence[Row], names: Sequence[str]) -> list[Cell]:
    """Returns what is drawn of each row; a photograph that can no longer be read has no pixels."""
    return [_cell(row, names) for row in rows]


def _write(path: Path, picture: bytes) -> None:
    write_whole(path, lambda file: file.write(picture))


def _title(model: ModelFile) -> str:
    folder = model.path.parent
    return f"{folder.parent.name if folder.name == 'winner' else model.path.name}: label and its probability"


def _cell(row: Row, names: Sequence[str]) -> Cell:
    truth = "" if row.photograph.label is None else names[row.photograph.label]
    name = Path(row.photograph.shown_name).name + (f" · {row.face}" if row.face else "")
    probability = row.prediction.probability
    if row.label is None or probability is None:
        problem = "not read" if row.prediction.failed else "no face found"
        return Cell(pixels=_pixels(row), name=name, truth=truth, problem=problem)
    return Cell(
        pixels=_pixels(row),
        name=name,
        label=row.label,
        label_name=names[row.label],
        probability=probability if row.label else 1 - probability,
        truth=truth,
    )


def _pixels(row: Row) -> Pixels | None:
    image, box = row.photograph.image, row.prediction.box
    try:
        if box is None:
            return read_picture(image, PHOTO_PX).pixels
        return resized(read_picture(image, PICTURE_PX).cut(box), PHOTO_PX, PHOTO_PX)
    except InputError:  # it was said already
        return None
