"""The figure of photographs: sizes, names and letters that could spoil it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from search.prediction.photo_grid import PAGE, Cell, columns_of, draw_grid, shortened

PIXELS = np.full((20, 20, 3), (200, 30, 30), dtype=np.uint8)
CELL = Cell(pixels=PIXELS, name="a.jpg", label=1, label_name="male", probability=0.75)


def _drawn(*cells: Cell, notes: tuple[str, ...] = ()) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(draw_grid(cells, "study", notes))).convert("RGB"))


def _reddish(picture: np.ndarray) -> int:
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    return int(((red > 180) & (green < 60) & (blue < 60)).sum())


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (5, 5), (6, 5), (10, 5), (11, 6), (19, 7), (29, 8), (PAGE, 8)]
)
def test_columns_of(count: int, columns: int) -> None:
    assert columns_of(count) == columns


@pytest.mark.parametrize(
    ("text", "short"),
    [("a.jpg", "a.jpg"), ("0123456789", "0123456789"), ("0123456789a", "012…56789a")],
)
def test_shortened_keeps_both_ends(text: str, short: str) -> None:
    assert shortened(text, 10) == short


@pytest.mark.parametrize("count", [1, 10, PAGE])
def test_grid_shows_every_photograph(count: int) -> None:
    one = _reddish(_drawn(CELL))
    assert _reddish(_drawn(*[CELL] * count)) == pytest.approx(count * one, rel=0.02)


@pytest.mark.parametrize("count", [0, PAGE + 1])
def test_grid_refuses_another_number(count: int) -> None:
    with pytest.raises(ValueError, match=f"a page has 1 to {PAGE} cells, received {count}"):
        draw_grid([CELL] * count, "study")


def test_grid_is_the_same_for_the_same_cells() -> None:
    assert draw_grid([CELL], "study", ("note",)) == draw_grid([CELL], "study", ("note",))


def test_grid_grows_by_the_lines_above_it() -> None:
    assert _drawn(CELL, notes=("word " * 40,)).shape[0] > _drawn(CELL, notes=("word",)).shape[0]


def test_grid_keeps_proportions() -> None:
    wide = Cell(pixels=PIXELS[:10], name="a.jpg", problem="no face found")
    assert _reddish(_drawn(wide)) == pytest.approx(_reddish(_drawn(CELL)) / 2, rel=0.05)


def test_grid_of_a_photograph_that_could_not_be_read_is_a_grey_field() -> None:
    picture = _drawn(Cell(pixels=None, name="a.jpg", problem="not read"))
    assert (picture == 0xE4).all(axis=2).sum() > 20_000


@pytest.mark.parametrize("name", ["日本語.jpg", "$x^2$ \\frac", "<b>&amp;", "x" * 500, ""])
def test_grid_draws_names_as_they_are(name: str) -> None:
    _drawn(Cell(pixels=PIXELS, name=name, label=0, label_name=name, probability=0.5, truth=name))
