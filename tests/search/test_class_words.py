"""Words for classes come from the data: product code has none of its own, but where Adience's are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("data_prep", "trainables", "search")
# where data sets are read and drawn, where their names are kept, and what the card knows of their people
ALLOWED = {
    "data_prep/arguments.py",
    "data_prep/class_names.py",
    "search/final_model/model_card.py",
}
ALLOWED_FOLDERS = ("data_prep/datasets/",)
A_CLASS = re.compile(r"\b(fe)?males?\b|\b(wo)?m[ae]n\b", re.IGNORECASE)


def _files() -> list[str]:
    found = (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.*")))
    return [
        path.relative_to(ROOT).as_posix()
        for path in found
        if path.suffix in (".py", ".js", ".css", ".html", ".toml")
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_product_code_names_no_class_of_its_own(room: str) -> None:
    named = {
        f"{name}: {match[0]}"
        for name in _files()
        if name.startswith(f"{room}/") and name not in ALLOWED and not name.startswith(ALLOWED_FOLDERS)
        for match in A_CLASS.finditer((ROOT / name).read_text("utf-8"))
    }
    assert named == set()


def test_the_words_are_found_where_they_are_allowed() -> None:
    # else the test above would pass for a pattern that finds nothing
    assert all(A_CLASS.search((ROOT / name).read_text("utf-8")) for name in ALLOWED)
