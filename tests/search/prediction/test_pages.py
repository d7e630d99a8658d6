"""The pages of a figure: how many files, and what each says."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.final_model.model_file import ModelFile
from search.prediction.photo_grid import LIMIT, PAGE, PHOTO_PX, cells_of, notes_of, write_pages
from search.prediction.photographs import Photograph
from search.prediction.predictions import PredictionRow, prediction_rows
from tests.pictures import almost_even
from trainables.inference.classifier import NO_FACE, Prediction
from trainables.inference.pictures import Box

MODEL = ModelFile(
    path=Path("mine/winner/model.keras"), label_names=("cat", "dog"), facts={"source": "folder"}
)
NAMES = MODEL.label_names


def _rows(folder: Path, *predictions: Prediction, label: int | None = None) -> list[PredictionRow]:
    almost_even((100, 50), "red").save(folder / "a.png")
    photograph = Photograph(name=f"{folder}/a.png", image=folder / "a.png", label=label)
    return prediction_rows([photograph] * len(predictions), predictions)


@pytest.mark.parametrize(
    ("count", "names"),
    [(1, ["grid.png"]), (PAGE, ["grid.png"]), (PAGE + 1, ["grid-2.png", "grid.png"])],
)
def test_write_pages(tmp_path: Path, count: int, names: list[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    rows = _rows(tmp_path, *[Prediction(photo=0, probability=0.9)] * count)
    paths = write_pages(rows, MODEL, out / "grid.png")
    assert sorted(path.name for path in out.iterdir()) == names
    assert sorted(path.name for path in paths) == names


def test_notes_name_the_page_and_the_limit() -> None:
    assert notes_of(MODEL, 1, 1, 5) == []
    assert notes_of(MODEL, 2, 3, 130) == ["page 2 of 3"]
    assert notes_of(MODEL, 1, 10, 5000) == [f"page 1 of 10, the first {LIMIT} of 5,000"]


def test_notes_begin_with_what_is_wrong_with_the_model() -> None:
    drawn = ModelFile(path=MODEL.path, facts={"source": "sample"})
    assert "says nothing about photographs" in notes_of(drawn, 1, 1, 5)[0]


@pytest.mark.parametrize(("probability", "label", "shown"), [(0.9, 1, 0.9), (0.2, 0, 0.8), (0.5, 0, 0.5)])
def test_cell_has_the_probability_of_its_label(
    tmp_path: Path, probability: float, label: int, shown: float
) -> None:
    (cell,) = cells_of(_rows(tmp_path, Prediction(photo=0, probability=probability), label=0), NAMES)
    assert (cell.name, cell.truth) == ("a.png", "cat")
    assert (cell.label, cell.label_name, cell.probability) == (label, NAMES[label], pytest.approx(shown))
    assert cell.pixels is not None
    assert cell.pixels.shape == (PHOTO_PX // 2, PHOTO_PX, 3)


def test_cell_of_a_face_shows_the_face(tmp_path: Path) -> None:
    face = Prediction(photo=0, probability=0.9, box=Box(10, 10, 20, 20))
    (cell,) = cells_of(_rows(tmp_path, face), NAMES)
    assert cell.name == "a.png · 1"
    assert cell.pixels is not None
    assert cell.pixels.shape == (PHOTO_PX, PHOTO_PX, 3)


def test_cell_without_an_answer_says_why(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path, Prediction(photo=0, problem=NO_FACE), Prediction(photo=1, problem="x", failed=True)
    )
    (tmp_path / "a.png").unlink()
    cells = cells_of(rows, NAMES)
    assert [(cell.problem, cell.label) for cell in cells] == [("no face found", None), ("not read", None)]
    assert all(cell.pixels is None for cell in cells)
