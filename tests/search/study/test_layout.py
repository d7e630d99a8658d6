"""The layout of a study: where things lie, and that nobody else builds such a path."""

from __future__ import annotations

import re
from pathlib import Path

import search
from search.study.layout import Layout, names_in

ROOMS = Path(search.__file__).parent
INSIDE = re.compile(
    r'(?<!"\.config" )/ f?"(trials|stages|predictions|checkpoints|weights|winner|logs|joint|report|'
    r'tensorboard|wandb|\.lock|(study|command|live|final|finetune)\.json)"'
)


def test_result_of_a_second_sweep_lies_beside_the_first() -> None:
    layout = Layout(Path("results/faces"))
    assert layout.stage("lr") == Path("results/faces/stages/lr.json")
    assert layout.stage("lr", 2) == Path("results/faces/stages/lr.2.json")


def test_names_are_those_of_folders_with_a_study(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.json").touch()
    (tmp_path / "c").mkdir()
    assert names_in(tmp_path) == ["a", "b"]
    assert names_in(tmp_path / "nowhere") == []


def test_no_other_module_builds_a_path_inside_a_study() -> None:
    found = {
        path.relative_to(ROOMS).as_posix() for path in ROOMS.rglob("*.py") if INSIDE.search(path.read_text())
    }
    assert found == {"study/layout.py"}
