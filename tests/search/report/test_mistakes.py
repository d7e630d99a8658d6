"""The gallery of the most wrong pictures in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from search.report.document import Document, Gallery, Section, Table
from search.report.render.html import to_html
from search.report.render.markdown import to_markdown
from search.report.sections.mistakes import mistakes_blocks

NAMES = ("daisy", "<rose>")


def _found(root: Path, **picture: Any) -> dict[str, Any]:
    plain = {"label": 0, "said": 1, "probability": 0.91, "of_its_class": 0.09}
    return {
        "root": str(root),
        "pictures": [{**plain, "path": "daisy/1.png", "group": "bed 3", **picture}],
        "groups": [{"group": "bed 3", "n": 4, "wrong": 2}],
    }


def _document(found: object) -> Document:
    blocks = list(mistakes_blocks(found, "lr-errors", NAMES, "column bed"))
    return Document(title="", made_on="", sections=[Section(name="errors", title="", blocks=blocks)])


def test_picture_is_told_by_the_names_of_its_classes_its_probabilities_and_its_group(tmp_path: Path) -> None:
    gallery, groups = mistakes_blocks(_found(tmp_path), "lr-errors", NAMES, "column bed")
    assert isinstance(gallery, Gallery)
    assert isinstance(groups, Table)
    (picture,) = gallery.pictures
    assert picture.path == tmp_path / "daisy/1.png"
    assert picture.lines == ["daisy, said <rose>", "0.910 against 0.090", "bed bed 3", "1.png"]
    assert groups.columns == ("bed", "images", "wrong")


def test_page_has_small_copies_and_names_pictures_that_are_gone(tmp_path: Path) -> None:
    gone = to_html(_document(_found(tmp_path)), {})
    assert "the picture is not here" in gone
    assert "said &lt;rose&gt;" in gone
    (tmp_path / "daisy").mkdir()
    Image.new("RGB", (400, 300), "gold").save(tmp_path / "daisy" / "1.png")
    assert '<img src="data:image/jpeg;base64,' in to_html(_document(_found(tmp_path)), {})


def test_markdown_lists_what_the_gallery_shows(tmp_path: Path) -> None:
    assert "- daisy, said \\<rose\\>, 0.910 against 0.090, bed bed 3, 1.png" in to_markdown(
        _document(_found(tmp_path))
    )


def test_gallery_is_neither_a_figure_nor_a_photo_which_trackers_and_files_get(tmp_path: Path) -> None:
    document = _document(_found(tmp_path))
    assert (document.figures(), document.photos()) == ([], [])


@pytest.mark.parametrize(
    "change", [{"path": "../a.png"}, {"path": "/etc/a.png"}, {"said": 7}, {"label": "x"}]
)
def test_picture_outside_the_data_or_of_no_class_is_left_out(tmp_path: Path, change: dict[str, Any]) -> None:
    found = {**_found(tmp_path, **change), "groups": None}
    assert list(mistakes_blocks(found, "lr-errors", NAMES, "")) == []


def test_study_of_before_has_none() -> None:
    assert list(mistakes_blocks(None, "lr-errors", NAMES, "")) == []
