"""A study is one folder of one data set; whoever opens it with another is told what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from search.study.facts import StudyFacts, read_facts
from search.study.folder import check_study, open_study, require_not_bare, require_same_backbone
from search.study.stage_results import StageFiles

FACTS = StudyFacts(data_digest="d1", split="random", weights="none", labels={"0": 40, "1": 40})


def test_study_remembers_its_facts(tmp_path: Path) -> None:
    open_study(tmp_path / "s", FACTS)
    assert read_facts(tmp_path / "s") == FACTS


def test_study_opens_again_with_the_same_facts(tmp_path: Path) -> None:
    open_study(tmp_path, FACTS)
    before = (tmp_path / "study.json").read_bytes()
    open_study(tmp_path, FACTS)
    assert (tmp_path / "study.json").read_bytes() == before


def begin(folder: Path) -> None:
    (folder / "trials").mkdir()
    (folder / "trials" / "0123456789abcdef.json").write_text("{}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data_digest": "d2"}, "data_digest 'd1' there and 'd2' now"),
        ({"split": "folds", "weights": "imagenet"}, "split 'random' there and 'folds' now, weights 'none'"),
        ({"labels": {"0": 1, "1": 2}}, r"labels \{'0': 40, '1': 40\} there and \{'0': 1, '1': 2\} now"),
        ({"keras_backend": "jax"}, "keras_backend '' there and 'jax' now"),
    ],
)
def test_study_of_other_facts_names_both_values_and_stays(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    open_study(tmp_path, FACTS)
    begin(tmp_path)
    before = (tmp_path / "study.json").read_bytes()
    with pytest.raises(InputError, match=rf"made with other facts: {said}.*; give another --study name"):
        open_study(tmp_path, replace(FACTS, **change))
    assert (tmp_path / "study.json").read_bytes() == before


def test_study_without_a_trial_takes_on_other_facts(tmp_path: Path) -> None:
    open_study(tmp_path, FACTS)
    open_study(tmp_path, replace(FACTS, split="folds"))
    assert read_facts(tmp_path).split == "folds"


@pytest.mark.parametrize("exists", [False, True])
def test_check_study_that_was_not_begun_finds_nothing_wrong_and_writes_nothing(
    tmp_path: Path, exists: bool
) -> None:
    if exists:
        open_study(tmp_path, FACTS)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    check_study(tmp_path, replace(FACTS, split="folds"))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_check_study_of_other_facts(tmp_path: Path) -> None:
    open_study(tmp_path, FACTS)
    begin(tmp_path)
    check_study(tmp_path, FACTS)
    with pytest.raises(InputError, match="split 'random' there and 'folds' now"):
        check_study(tmp_path, replace(FACTS, split="folds"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"[]", "is damaged"),
        (b"{}", "its format is 0, this version reads 1 to 3"),
        (b"\xff", "is damaged"),
        (b'{"format": 9}', "its format is 9, this version reads 1 to 3"),
    ],
)
def test_study_that_is_damaged_is_named_and_stays(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "study.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"study\.json is damaged.*{said}|{said}.*restore it or give"):
        open_study(tmp_path, FACTS)
    assert path.read_bytes() == content


def test_open_study_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"file/s cannot be written \(Not a directory\).*--storage"):
        open_study(tmp_path / "file" / "s", FACTS)


def test_study_file_is_plain_json(tmp_path: Path) -> None:
    open_study(tmp_path, FACTS)
    assert json.loads((tmp_path / "study.json").read_text())["labels"] == {"0": 40, "1": 40}


def test_another_backbone_than_the_stages_is_told(make_study: Callable[..., Path]) -> None:
    folder = make_study("tuned", stages=("backbone", "lr"))
    results = list(StageFiles(folder).all())
    require_same_backbone(folder, "resnet50_v2", results)
    with pytest.raises(
        InputError, match=r"stage lr has resnet50_v2, this command asks for hassner; give another"
    ):
        require_same_backbone(folder, "hassner", results)


def test_empty_folder_in_the_place_of_a_known_study_is_a_bare_mount_point(tmp_path: Path) -> None:
    mount, away = tmp_path / "faces", tmp_path / "away"
    mount.mkdir()
    require_not_bare(mount)  # made before the first run of a study
    open_study(mount, FACTS)
    require_not_bare(mount)
    mount.rename(away)
    require_not_bare(mount)  # deleted
    mount.mkdir()
    with pytest.raises(OSError, match="it is empty, and a study lay there"):
        require_not_bare(mount)
