"""The study that is there, as commands and Python find and read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.study.facts import StudyFacts
from search.study.folder import open_study
from search.study.study import Study

FACTS = StudyFacts(data_digest="d1", split="random")


def test_study_is_found_by_name_and_by_folder(tmp_path: Path) -> None:
    open_study(tmp_path / "demo", FACTS)
    assert Study.find("demo", tmp_path).folder == tmp_path / "demo"
    assert Study.find(str(tmp_path / "demo"), tmp_path / "elsewhere").folder == tmp_path / "demo"


@pytest.mark.parametrize(("made", "there"), [((), "none"), (("b", "a"), "a, b")])
def test_study_that_is_not_there_lists_what_is(tmp_path: Path, made: tuple[str, ...], there: str) -> None:
    for name in made:
        open_study(tmp_path / name, FACTS)
    with pytest.raises(InputError, match=rf"there is no study demo in .* \(there: {there}\); give its name"):
        Study.find("demo", tmp_path)


def test_study_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_study(tmp_path / "results" / "demo", FACTS)
    monkeypatch.chdir(tmp_path)
    study = Study("results/demo")
    assert (study.folder, study.facts) == (tmp_path / "results" / "demo", FACTS)


def test_study_of_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a study: it has no study\.json; give a study's folder"):
        Study(tmp_path)
