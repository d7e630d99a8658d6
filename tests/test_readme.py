"""What only the README says: the options that it tells to add, the rooms of the tree, the printed objects."""

from __future__ import annotations

import re
import shlex

import pytest

from search.options import parser as run_arguments
from tests.documented import PAGES, ROOT, rows_of

README = PAGES[0]
ADDED = [options for _, added in rows_of(README, "to") for options in re.findall(r"`(--[^`]+)`", added)]
ROOMS = [
    f"{package}/{name}".rstrip("/")
    for places, _ in rows_of(README, "where")
    for package in re.findall(r"`(\w+)/", places)[:1]
    for name in (span.removeprefix(f"{package}/") for span in re.findall(r"`([^`]+)`", places))
]


@pytest.mark.parametrize("options", ADDED)
def test_option_of_the_readme(options: str) -> None:
    whole = options if re.search("--stage|--mode", options) else f"--stage lr {options}"
    run_arguments.parse_arguments(shlex.split(whole))


def test_readme_has_options_to_add() -> None:
    assert len(ADDED) >= 8


@pytest.mark.parametrize("room", ROOMS)
def test_room_of_the_readme_is_there(room: str) -> None:
    assert (ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file()


def test_readme_names_every_package() -> None:
    packages = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "search").glob("*/__init__.py")}
    assert packages <= set(ROOMS)


def test_readme_names_every_module_that_imports_ray() -> None:
    text = README.read_text("utf-8")
    said = re.search(r"Only `trainables/worker.py` and `search/\{([\w,]+)\}\.py` import Ray", text)
    assert said
    importing = {
        path.relative_to(ROOT).as_posix()
        for package in ("data_prep", "trainables", "search")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^\s*(import|from) ray\b", path.read_text("utf-8"), flags=re.MULTILINE)
    }
    assert importing == {"trainables/worker.py", *(f"search/{name}.py" for name in said[1].split(","))}
