"""What all trials of a study have in common, and what of it a file tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.study.facts import StudyFacts, read_facts


def facts_in(folder: Path, **values: object) -> StudyFacts:
    (folder / "study.json").write_text(json.dumps({"format": 1, **values}))
    return read_facts(folder)


def test_facts_of_an_older_version_say_what_they_know(tmp_path: Path) -> None:
    facts = facts_in(tmp_path, source="adience", images=12)
    assert facts == StudyFacts(source="adience", images=12)
    assert facts.feature_precision is None


@pytest.mark.parametrize(
    ("source", "names", "kind"),
    [("adience", ("female", "male"), "face"), ("folder", ("0", "1"), "")],
)
def test_facts_of_format_1_have_the_classes_that_are_known(
    tmp_path: Path, source: str, names: tuple[str, ...], kind: str
) -> None:
    facts = facts_in(tmp_path, source=source, labels={"0": 4, "1": 5}, subjects=3)
    assert (facts.class_names, facts.group_kind) == (names, kind)


def test_facts_keep_the_names_of_the_classes(tmp_path: Path) -> None:
    names = ("cat, tabby", "<b>dog</b>", "🐇")
    written = StudyFacts(class_names=names, group_kind="column owner").to_dict()
    read = facts_in(tmp_path, **{**written, "format": 2})
    assert (read.class_names, read.group_kind) == (names, "column owner")


def test_facts_of_a_newer_version_are_kept_and_not_compared(tmp_path: Path) -> None:
    facts = facts_in(tmp_path, source="adience", sharpness=3)
    assert facts.to_dict()["sharpness"] == 3
    assert facts == StudyFacts(source="adience")


def test_facts_that_are_null_are_not_known(tmp_path: Path) -> None:
    assert facts_in(tmp_path, images=None, feature_precision=None) == StudyFacts()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"images": "many"}, "images must be of type int, received 'many'"),
        ({"labels": [3]}, r"labels must be of type dict, received \[3\]"),
        ({"feature_precision": 16}, "feature_precision must be of type str, received 16"),
    ],
)
def test_facts_of_another_kind_are_damaged(tmp_path: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=rf"study\.json is damaged \({said}\); restore it or give another"):
        facts_in(tmp_path, **values)


def test_facts_where_there_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a study: it has no study\.json"):
        read_facts(tmp_path)


@pytest.mark.parametrize(("source", "drawn"), [("sample", True), ("adience", False), ("", False)])
def test_facts_tell_drawings(source: str, drawn: bool) -> None:
    assert StudyFacts(source=source).is_drawn is drawn
