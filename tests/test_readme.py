"""The options that the README tells to add, and the rooms that the page on the architecture names."""

from __future__ import annotations

import re
import shlex

import pytest

from search.options.parser import parse_options
from tests.documented import PAGES, ROOT, rows_of

README = PAGES[0]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
ADDED = [options for _, added in rows_of(README, "to") for options in re.findall(r"`(--[^`]+)`", added)]
ROOMS = [
    f"{package}/{name}".rstrip("/")
    for places, _ in rows_of(ARCHITECTURE, "where")
    for package in re.findall(r"`(\w+)/", places)[:1]
    for name in (span.removeprefix(f"{package}/") for span in re.findall(r"`([^`]+)`", places))
]


@pytest.mark.parametrize("options", ADDED)
def test_option_of_the_readme(options: str) -> None:
    whole = options if re.search("--stage|--mode", options) else f"--stage lr {options}"
    parse_options(shlex.split(whole))


def test_readme_has_options_to_add() -> None:
    assert len(ADDED) >= 8


@pytest.mark.parametrize("room", ROOMS)
def test_room_of_the_architecture_is_there(room: str) -> None:
    assert (ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file()


def test_architecture_names_every_room() -> None:
    rooms = {
        path.parent.relative_to(ROOT).as_posix()
        for package in ("data_prep", "trainables", "search")
        for path in (ROOT / package).glob("*/__init__.py")
    }
    assert rooms <= set(ROOMS)
