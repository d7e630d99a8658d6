"""Notes of people: kept, replaced, removed, and shown where a study is shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from data_prep.errors import InputError
from search.output.overview import print_overview
from search.report.sections.notes import notes_sections
from search.study.from_outside.notes import MOST_CHARACTERS, Notes, keep_note, read_notes
from search.study.layout import Layout
from search.study.study import Study


def test_notes_are_kept_replaced_and_removed(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == Notes()
    keep_note(tmp_path, " first ")
    keep_note(tmp_path, "odd loss", "a")
    keep_note(tmp_path, "second\nline")
    assert read_notes(tmp_path) == Notes(study="second\nline", trials={"a": "odd loss"})
    keep_note(tmp_path, "", "a")
    assert (read_notes(tmp_path).on(""), read_notes(tmp_path).on("a")) == ("second\nline", "")


def test_note_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^a note has at most 4,000 characters, received 4,001$"):
        keep_note(tmp_path, "x" * (MOST_CHARACTERS + 1))


def test_damaged_notes_are_not_written_over(tmp_path: Path) -> None:
    Layout(tmp_path).notes.write_text("{")
    with pytest.raises(InputError, match=r"notes\.json is damaged"):
        keep_note(tmp_path, "mine")
    assert Layout(tmp_path).notes.read_text() == "{"


def test_notes_in_one_line() -> None:
    assert Notes().in_one_line == ""
    assert Notes(study="a\nb", trials={"k": "c"}).in_one_line == "a b; 1 trial with a note"


def test_notes_stand_in_the_report_and_in_the_overview(make_study: Callable[..., Path]) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    assert list(notes_sections(Study(folder).snapshot())) == []
    key = min(path.stem for path in (folder / "trials").iterdir())
    keep_note(folder, "the light changed in May")
    keep_note(folder, "odd", key)
    snapshot = Study(folder).snapshot()
    (section,) = notes_sections(snapshot)
    text = str(section.blocks)
    assert "the light changed in May" in text
    assert f"Trial {key[:8]} (" in text
    print_overview(snapshot, console := Console(file=io.StringIO(), width=80))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "notes     the light changed in May; 1 trial with a note\n" in said


def test_damaged_notes_are_said_where_a_study_is_shown(make_study: Callable[..., Path]) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    Layout(folder).notes.write_text("{")
    (section,) = notes_sections(Study(folder).snapshot())
    assert "notes.json is damaged" in str(section.blocks)
