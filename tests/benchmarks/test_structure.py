"""The figures of the structure, and the limits that the house keeps to."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.structure import ROOT, Structure, main, structure_of

SMALL = '''"""A module."""

import json
from os import path
from typing import Any


def short(first: Any, *, second: Any) -> str:
    """Returns text."""
    # why
    return json.dumps([first, second, path.sep])
'''


@pytest.fixture(scope="module")
def house() -> Structure:
    return structure_of(ROOT)


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    for name in ("data_prep/one.py", "search/two.py", "search/rooms/three.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(SMALL)
    return tmp_path


def test_figures_of_a_small_tree(small_tree: Path) -> None:
    figures = structure_of(small_tree)
    assert (figures.files, figures.lines, figures.files_directly_in_search) == (3, 33, 1)
    assert (figures.imports_most, figures.parameters_most, figures.function_lines_most) == (2, 2, 1)
    assert figures.comments_per_100_lines == pytest.approx(100 / 7, abs=0.1)


def test_house_keeps_its_rooms_small(house: Structure) -> None:
    assert house.files_directly_in_search <= 8
    assert house.most_files_in_a_folder <= 16
    assert (house.imports_most <= 20, house.imports_p90 <= 16) == (True, True), house.imports_most_in


def test_functions_of_the_house_stay_short(house: Structure) -> None:
    assert house.function_lines_p90 < 20
    assert house.parameters_p90 <= 4


def test_figures_are_printed(small_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], small_tree) == 0
    assert "1  files directly in search\n" in capsys.readouterr().out
