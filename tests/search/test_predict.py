"""The command that classifies photographs, from its options to its files."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from data_prep.manifest import Manifest, write_manifest
from search.predict import main
from tests.pictures import almost_even
from tests.search.makers import make_manifest
from tests.trainables.models import write_brightness_model

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a study on drawn faces: the brighter, the more likely label 1."""
    study = tmp_path_factory.mktemp("results") / "mine"
    (study / "winner").mkdir(parents=True)
    (study / "study.json").write_text(json.dumps({"format": 1, "source": "sample"}))
    record = {
        "format": 1,
        "labels": {"0": "dark", "1": "bright"},
        "config": {"backbone": "resnet50_v2"},
        "weights": "none",
        "split": "random",
        "data_digest": "d" * 32,
    }
    (study / "winner" / "model.json").write_text(json.dumps(record))
    return write_brightness_model(study / "winner" / "model.keras")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two photographs, black.png and white.png, below the working directory."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("black", "white"):
        almost_even((32, 32), name).save(folder / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return folder


def _manifest(folder: Path, class_names: Sequence[str] = ("dark", "bright")) -> Manifest:
    """Writes black and white pictures by their label, and the manifest of them."""
    manifest = make_manifest(folder, age="(25, 32)", class_names=class_names)
    for path, label in zip(manifest.image_paths(), manifest.table["label"], strict=True):
        almost_even((32, 32), ("black", "white")[label]).save(path, "PNG")  # JPEG would even it out
    write_manifest(manifest, folder / "m.parquet")
    return manifest


def test_predict_prints_label_and_probability(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model), "photos"]) == 0
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines[0][:2] == ["model", str(model)]
    assert lines[1:] == [
        ["label", "p(bright)", "photo"],
        ["dark", "0.0180", "photos/black.png"],
        ["bright", "0.9820", "photos/white.png"],
    ]
    assert printed.err.splitlines() == [
        "note: the model says nothing about photographs: it was trained on drawn faces and its backbone has "
        "random weights"
    ]


def test_predict_goes_on_after_bad_files_and_ends_with_1(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "empty.jpg").write_bytes(b"")
    assert main([str(model), "gone.jpg", "photos", "--json"]) == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)["predictions"]
    assert [row["label"] for row in found] == [None, 0, None, 1]
    errors = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert "gone.jpg cannot be read" in errors[0]
    assert "empty.jpg is not an image" in errors[1]
    assert errors[2] == (
        "error: 2 of 4 photographs could not be read, each is named above; the others were classified"
    )


def test_predict_json_is_one_object(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(model), "photos/white.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["labels"], found["input_px"], found["figures"]) == (["dark", "bright"], 16, [])
    assert found["made_of"] == {
        "data_digest": "d" * 32,
        "source": "sample",
        "weights": "none",
        "split": "random",
        "key": None,
    }
    assert found["metrics"] == {"all": None}
    (row,) = found["predictions"]
    assert (row["photo"], row["name"]) == ("photos/white.png", "bright")
    assert row["probability"] == pytest.approx(0.982, abs=1e-3)


def test_predict_writes_a_figure_and_a_table(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model), "--out", "grid.png", "photos", "--csv", "table.csv"]) == 0
    assert "figure: grid.png" in capsys.readouterr().out
    assert Path("grid.png").read_bytes().startswith(b"\x89PNG")
    with Path("table.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["0", "1"]


def test_predict_a_study_by_its_name(model: Path, photos: Path) -> None:
    storage = str(model.parents[2])
    assert main(["mine", "photos", "--storage", storage]) == 0


def test_predict_demo_needs_no_file_and_shows_the_true_labels(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model), "--demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("drawn face" in line for line in lines) == 10
    assert "annotated" in lines[1]


def test_predict_manifest_gives_metrics_and_rows(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = _manifest(tmp_path)
    assert main([str(model), "--manifest", str(tmp_path / "m.parquet"), "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    metrics = found["metrics"]["all"]
    assert (metrics["n"], metrics["accuracy"], metrics["roc"]["auc"]) == (len(manifest), 1.0, 1.0)
    assert metrics["loss"] == pytest.approx(0.01815, abs=1e-4)
    assert len(found["predictions"]) == len(manifest)
    assert f"classified: {len(manifest)}/{len(manifest)} images" in printed.err


def test_predict_manifest_finds_its_classes_by_their_names(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _manifest(tmp_path, ("bright", "dark"))
    assert main([str(model), "--manifest", str(tmp_path / "m.parquet")]) == 0
    assert "all: 80 images, accuracy 0.0000" in capsys.readouterr().out  # white pictures are called dark


def test_predict_refuses_a_manifest_of_other_classes(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _manifest(tmp_path, ("dark", "green"))
    assert main([str(model), "--manifest", str(tmp_path / "m.parquet")]) == 1
    assert "the model knows the classes dark, bright, the data has green, too" in capsys.readouterr().err


def test_predict_by_a_model_of_other_classes_says_nothing_of_faces(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = photos.parent / "other" / "model.keras"
    shutil.copytree(model.parent, other.parent)
    record = json.loads((other.parent / "model.json").read_text())
    names = {"0": "cat, [b]tabby[/b]", "1": "🐇 | <i>"}
    record |= {"labels": names, "source": "folder", "weights": "imagenet"}
    (other.parent / "model.json").write_text(json.dumps(record))
    assert main([str(other), "photos", "--csv", "table.csv", "--out", "grid.png"]) == 0
    assert main([str(other), "photos", "--json"]) == 0
    printed = capsys.readouterr()
    assert " cat, [b]tabby[/b]      0.0180  photos/black.png\n" in printed.out
    said = printed.out + printed.err + Path("table.csv").read_text()
    assert re.findall("face|female|male", said) == []
    assert main([str(other), "--demo"]) == 1
    assert "drawn faces of the classes female, male, the model knows" in capsys.readouterr().err


def test_predict_manifest_prints_metrics_instead_of_rows(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _manifest(tmp_path)
    assert main([str(model), "--manifest", str(tmp_path / "m.parquet")]) == 0
    out = capsys.readouterr().out
    assert "all: 80 images, accuracy 1.0000 (95 % interval 0.9542 to 1.0000)" in out
    assert "0.jpg" not in out


def test_predict_faces_says_where_there_is_none(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cv2", reason="OpenCV is an extra (pip install '.[faces]')")
    assert main([str(model), "photos/white.png", "--faces", "detect"]) == 0
    assert "note: photos/white.png: no face was found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give photographs, --manifest or --demo, and one of them only"),
        (["a.jpg", "--demo"], "give photographs, --manifest or --demo, and one of them only"),
        (["a.jpg", "--out", "grid.jpg"], r"--out is a .png file, received grid.jpg"),
        (["a.jpg", "--root", "."], "--root . goes with --manifest; add it, or leave out --root"),
    ],
)
def test_predict_refuses_wrong_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model.keras", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.keras", "a.jpg"], "error: there is no model file"),
        (["nowhere", "a.jpg"], "error: there is no study nowhere in results"),
        (
            ["gone.keras", "a.jpg", "--out", "no/grid.png"],
            "error: no/grid.png cannot be written",
        ),
    ],
)
def test_predict_tells_what_is_wrong_in_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
