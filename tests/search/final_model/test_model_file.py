"""Where a model lies, and what its record says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from search.final_model.model_file import ModelFile, find_model

RECORD = {
    "format": 1,
    "labels": {"0": "female", "1": "male"},
    "input_px": 224,
    "data_digest": "d" * 32,
    "key": "0123456789abcdef",
    "config": {"backbone": "resnet50_v2"},
    "weights": "imagenet",
    "split": "random",
}


def _write(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.keras").write_bytes(b"")
    (folder / "model.json").write_text(json.dumps({**RECORD, **changes}))
    return folder / "model.keras"


def _study(tmp_path: Path, source: str = "adience") -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.json").write_text(json.dumps({"format": 1, "source": source}))
    return tmp_path / "mine"


def test_find_model_of_a_study_by_its_name(tmp_path: Path) -> None:
    path = _write(_study(tmp_path) / "winner")
    found = find_model("mine", tmp_path)
    assert (found.path, found.label_names, found.facts["source"]) == (path, ("female", "male"), "adience")


@pytest.mark.parametrize("name", ["mine/winner/model.keras", "mine/winner", "mine"])
def test_find_model_at_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = _write(_study(tmp_path) / "winner")
    monkeypatch.chdir(tmp_path)
    assert find_model(name, Path("results")).path == path


def test_find_model_without_a_record_knows_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.keras").write_bytes(b"")
    found = find_model(str(tmp_path / "a.keras"), tmp_path)
    assert (found.label_names, found.facts, found.describe()) == (("0", "1"), {}, "")
    assert "no model.json" in found.caveats[0]


def test_find_model_that_a_study_has_not_made_says_how(tmp_path: Path) -> None:
    _study(tmp_path)
    with pytest.raises(InputError, match=r"mine has no final model winner/model\.keras; make it with"):
        find_model("mine", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone", r"there is no study gone in "), ("gone.keras", r"there is no model file .*gone\.keras")],
)
def test_find_model_that_is_nowhere(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_model(name, tmp_path)


@pytest.mark.parametrize("changes", [{"format": 9}, {"labels": {"0": "a"}}, {"labels": 5}])
def test_find_model_with_a_damaged_record(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = _write(tmp_path, **changes)
    with pytest.raises(InputError, match=r"model\.json is damaged \(.*\); restore it"):
        find_model(str(path), tmp_path)


@pytest.mark.parametrize(
    ("source", "weights", "caveats"),
    [
        ("adience", "imagenet", ()),
        ("sample", "imagenet", ("about photographs: it was trained on drawn faces",)),
        ("adience", "none", ("about photographs: its backbone has random weights",)),
        ("sample", "none", ("trained on drawn faces and its backbone has random weights",)),
    ],
)
def test_caveats(source: str, weights: str, caveats: tuple[str, ...]) -> None:
    found = ModelFile(path=Path("a.keras"), facts={"source": source, "weights": weights}).caveats
    assert len(found) == len(caveats)
    assert all(part in whole for part, whole in zip(caveats, found, strict=True))


def test_describe_names_what_it_was_made_of(tmp_path: Path) -> None:
    found = find_model(str(_write(tmp_path)), tmp_path)
    assert found.describe() == f"resnet50_v2, ImageNet weights, data {'d' * 32}, split random"


def test_find_model_whose_bytes_are_not_those_of_its_record(tmp_path: Path) -> None:
    path = _write(tmp_path, model_digest="0" * 64)
    with pytest.raises(InputError, match=r"model\.keras is damaged .* --stage finetune writes it again"):
        find_model(str(path), tmp_path)
