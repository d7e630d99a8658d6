from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_prep.audit.__main__ import main
from data_prep.build import main as build
from data_prep.manifest import read_manifest
from data_prep.splits import make_splits
from tests.pictures import blobs

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """The manifest of 15 cats and 15 dogs, all there twice, a cat also as a dog, a dog also as a JPEG."""
    root = tmp_path / "pets"
    for number in range(30):
        path = root / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        blobs(seed=number).save(path)
        path.with_name(f"{number} (1).png").write_bytes(path.read_bytes())
    blobs(seed=0).save(root / "dog" / "also <b>cat.bmp")
    blobs(seed=1).resize((48, 32)).save(root / "dog" / "small.jpg", quality=50)
    out = tmp_path / "pets.parquet"
    assert build(["folder", "--root", str(root), "--out", str(out)]) == 0
    return out


def test_splits_of_a_build_keep_what_is_there_twice_on_one_side(pets: Path) -> None:
    manifest = read_manifest(pets)
    (split,) = make_splits(manifest, "random")
    train = {manifest.image_digests[row] for row in split.train}
    assert not [row for row in split.validation if manifest.image_digests[row] in train]
    assert (split.kept_alike, split.split_alike) == (30, 0)


def test_build_says_what_is_wrong(pets: Path, tmp_path: Path, capsys: Capture) -> None:
    build(["folder", "--root", str(tmp_path / "pets"), "--out", str(pets)])
    said = capsys.readouterr().out
    assert (
        "  audit     equal pictures in other files: 1 group of 3 pictures; 1 with more than one class" in said
    )
    assert f"python -m data_prep.audit {pets} --html audit.html shows the images" in said


def test_json_has_every_finding_with_its_pictures(pets: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert main([str(pets), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["digest", "images", "class_names", "warnings", "findings"]
    found = {finding["kind"]: finding for finding in said["findings"]}
    assert found["equal_files"]["counts"] == {
        "groups": 30,
        "pictures": 60,
        "across_classes": 0,
        "across_split": 0,
    }
    names = {picture["path"] for picture in found["equal_pictures"]["groups"][0]["pictures"]}
    assert names == {"cat/0.png", "cat/0 (1).png", "dog/also <b>cat.bmp"}
    near = {picture["path"] for picture in found["near_pictures"]["groups"][0]["pictures"]}
    assert near == {"dog/1.png", "dog/1 (1).png", "dog/small.jpg"}


def test_text_marks_what_should_be_looked_at(pets: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert main([str(pets)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  equal files: 30 groups of 60 pictures"
    assert next(line for line in lines if "other files" in line).startswith(
        "! equal pictures in other files: 1"
    )
    assert "      and 25 more" in lines


def test_leaks_of_a_split_that_does_not_look_are_counted(pets: Path, tmp_path: Path, capsys: Capture) -> None:
    apart = tmp_path / "apart.parquet"
    build(["folder", "--root", str(tmp_path / "pets"), "--out", str(apart), "--alike", "apart"])
    capsys.readouterr()
    main([str(apart), "--json"])
    (files, *_) = json.loads(capsys.readouterr().out)["findings"]
    assert files["counts"]["across_split"] > 0
    assert "on both sides of the split random, which makes the result look too good" in files["sentence"]


def test_features_bring_suspects(pets: Path, tmp_path: Path, capsys: Capture) -> None:
    manifest = read_manifest(pets)
    labels = manifest.table["label"].to_numpy()
    features = np.random.default_rng(0).normal(size=(len(manifest), 20)) + 3 * labels[:, None]
    np.save(tmp_path / "features.npy", features)
    assert main([str(pets), "--features", str(tmp_path / "features.npy")]) == 0
    assert "; a linear classifier is right for " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 5)), "features must have a row for each of the 62 images, received 3"),
        (np.zeros(62), r"must be \(images, features\) of floating-point numbers"),
        (np.zeros((62, 5), dtype=int), "of floating-point numbers"),
    ],
)
def test_features_of_other_images_are_refused(
    pets: Path, tmp_path: Path, capsys: Capture, array: np.ndarray, said: str
) -> None:
    import re

    np.save(tmp_path / "features.npy", array)
    assert main([str(pets), "--features", str(tmp_path / "features.npy")]) == 1
    assert re.search(said, capsys.readouterr().err)


def test_page_holds_the_pictures_and_escapes_what_it_is_told(pets: Path, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    assert main([str(pets), "--html", str(page)]) == 0
    text = page.read_text()
    assert text.count('src="data:image/jpeg;base64,') > 60
    assert "also &lt;b&gt;cat.bmp" in text
    assert "<b>" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text


def test_page_says_which_pictures_are_gone(pets: Path, tmp_path: Path) -> None:
    (tmp_path / "pets" / "dog" / "small.jpg").unlink()
    page = tmp_path / "audit.html"
    assert main([str(pets), "--html", str(page)]) == 0
    assert "cannot be read" in page.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--split", "by-eye"], "a split must be one of"),
        (["--html", "missing/page.html"], "missing/page.html cannot be written: its folder must exist"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, capsys: Capture, words: list[str], said: str) -> None:
    assert main([str(tmp_path / "m.parquet"), *words]) == 2
    assert said in capsys.readouterr().err


def test_missing_manifest_is_told(tmp_path: Path, capsys: Capture) -> None:
    assert main([str(tmp_path / "m.parquet")]) == 1
    assert "there is no manifest" in capsys.readouterr().err
