from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from data_prep import build
from data_prep.build import main
from data_prep.manifest import read_manifest
from tests.pictures import blobs

FEW = "the smallest has 10 images, too few to tell a good value from luck"
KEYS = [
    "source",
    "rows_read",
    "kept",
    "dropped",
    "first_dropped",
    "class_names",
    "labels",
    "folds",
    "partitions",
    "subjects",
    "groups",
    "digest",
    "manifest",
    "audit",
]

Capture = pytest.CaptureFixture[str]


def test_build_json_is_one_object_with_the_kept_keys(
    adience_tree: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "m.parquet"
    assert main(["adience", "--root", str(adience_tree), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == KEYS
    assert said == {
        "source": "adience",
        "rows_read": 20,
        "kept": 20,
        "dropped": {},
        "first_dropped": {},
        "class_names": ["female", "male"],
        "labels": {"0": 10, "1": 10},
        "folds": {str(fold): 4 for fold in range(5)},
        "partitions": {},
        "subjects": 10,
        "groups": {"kind": "user", "count": 10},
        "digest": read_manifest(out).digest,
        "manifest": str(out),
        "audit": [
            "equal files: 5 groups of 20 pictures; 5 with more than one class: one of the labels is wrong",
            f"classes: female 10 (50%), male 10 (50%); {FEW}",
        ],
    }


def test_build_text_says_both_counts_of_subjects(
    tmp_path: Path, write_fold: Callable[..., Path], capsys: Capture
) -> None:
    write_fold(tmp_path, [("1", "a.jpg", "7", "f", 0), ("1", "b.jpg", "8", "u", 0)])
    assert main(["adience", "--root", str(tmp_path), "--labels-only"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "adience: 1 of 2 rows kept",
        "  dropped          1  gender u: b.jpg",
        "  labels           1  0 female",
        "                   0  1 male",
        "  folds            1  fold 0",
        "  subjects         2  in the files",
        "                   1  among the rows kept",
        "  groups           1  by user",
        "  digest    none: no image was read",
        "  manifest  none: nothing was written",
    ]


def test_build_text_names_the_classes_as_the_data_does(tmp_path: Path, capsys: Capture) -> None:
    for image in ("cat/1.jpg", "dog/2.jpg", "dog/3.jpg"):
        (tmp_path / image).parent.mkdir(exist_ok=True)
        (tmp_path / image).touch()
    assert main(["folder", "--root", str(tmp_path), "--labels-only"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["  labels           1  0 cat", "                   2  1 dog"]


def test_build_labels_only_opens_no_image_and_writes_nothing(
    adience_tree: Path, tmp_path: Path, capsys: Capture
) -> None:
    for image in adience_tree.rglob("*.jpg"):
        image.unlink()
    out = tmp_path / "m.parquet"
    assert main(["adience", "--root", str(adience_tree), "--labels-only", "--json", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["manifest"] is None
    assert f"note: with --labels-only {out} is not written" in said.err
    assert not out.exists()


def test_build_digest_is_that_of_a_copy_elsewhere(adience_tree: Path, tmp_path: Path) -> None:
    main(["adience", "--root", str(adience_tree), "--out", str(tmp_path / "one")])
    adience_tree.rename(tmp_path / "moved")
    main(["adience", "--root", str(tmp_path / "moved"), "--out", str(tmp_path / "two")])
    two = read_manifest(tmp_path / "two")
    assert read_manifest(tmp_path / "one", root=two.root).digest == two.digest


def test_build_refuses_bad_images_and_writes_nothing(
    class_folders: Path, tmp_path: Path, capsys: Capture
) -> None:
    (class_folders / "male" / "1.png").write_text("no picture")
    assert main(["folder", "--root", str(class_folders), "--out", str(tmp_path / "m.parquet")]) == 1
    assert "error: 1 of 6 images cannot be used: male/1.png (not an image); repair" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_build_skips_bad_images_counts_and_records_them(
    class_folders: Path, tmp_path: Path, capsys: Capture
) -> None:
    (class_folders / "male" / "1.png").write_text("no picture")
    (class_folders / "female" / "0.png").write_bytes(b"")
    command = ["folder", "--root", str(class_folders), "--out", str(tmp_path / "m.parquet"), "--json"]
    assert main([*command, "--skip-bad-images"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kept"], said["dropped"]) == (4, {"image empty": 1, "not an image": 1})
    assert said["first_dropped"] == {"image empty": ["female/0.png"], "not an image": ["male/1.png"]}
    recorded = tmp_path / "m.skipped.txt"
    assert recorded.read_text() == "female/0.png\timage empty\nmale/1.png\tnot an image\n"
    assert len(read_manifest(tmp_path / "m.parquet")) == 4


def test_build_without_bad_images_leaves_no_old_record(class_folders: Path, tmp_path: Path) -> None:
    (tmp_path / "m.skipped.txt").write_text("of an earlier build\n")
    main(["folder", "--root", str(class_folders), "--out", str(tmp_path / "m.parquet")])
    assert not (tmp_path / "m.skipped.txt").exists()


def test_build_refuses_when_every_image_is_bad(adience_tree: Path, tmp_path: Path, capsys: Capture) -> None:
    for image in adience_tree.rglob("*.jpg"):
        image.write_bytes(b"")
    out = tmp_path / "m.parquet"
    assert main(["adience", "--root", str(adience_tree), "--out", str(out), "--skip-bad-images"]) == 1
    assert "no usable row among the 20 read" in capsys.readouterr().err
    assert not out.exists()


def test_build_sample_says_drawn(tmp_path: Path, capsys: Capture) -> None:
    root, out = tmp_path / "s", tmp_path / "m.parquet"
    sizes = ["--photos", "40", "--celeba-photos", "20"]
    assert main(["sample", "--root", str(root), "--out", str(out), *sizes]) == 0
    assert "sample (drawn by a program, not photographs): 40 of 40 rows kept" in capsys.readouterr().out
    assert read_manifest(out).is_drawn


def test_build_sample_labels_only_draws_nothing(tmp_path: Path, capsys: Capture) -> None:
    assert main(["sample", "--root", str(tmp_path / "s"), "--labels-only"]) == 1
    assert "holds no sample to count" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (
            "adience --root nowhere --out m.parquet",
            1,
            "error: --root must be an existing folder, nowhere does not",
        ),
        (
            "adience --root . --out none/m.parquet",
            1,
            "error: the folder of the output none/m.parquet does not exist",
        ),
        ("adience --root .", 2, "--out MANIFEST.parquet is needed, or --labels-only"),
        ("adience --root . --yaw left --labels-only", 2, "argument --yaw: invalid int value: 'left'"),
        ("celeba --root . --test-share 1 --labels-only", 2, "a share must lie between 0 and 1, received 1"),
        ("celeba --root . --test-share x --labels-only", 2, "a share must lie between 0 and 1, received x"),
        ("celeba --root . --seed -1 --labels-only", 2, "a seed must be a whole number"),
        ("celeba --root . --seed x --labels-only", 2, "a seed must be a whole number"),
        ("celeba --root . --labels", 2, "unrecognized arguments: --labels; did you mean --labels-only?"),
        (
            "celeba --root . --out s3://bucket/m.parquet",
            2,
            "a path of this machine only, received s3://bucket/m.parquet; copy it there afterwards",
        ),
        (
            "celeba --root . --out s3://a:b@bucket/m",
            2,
            "argument --out: the address of bucket has a key in it",
        ),
        (
            "folder --root . --csv gone.csv --labels-only",
            1,
            "error: there is no file gone.csv; check --root, and --csv where it was given",
        ),
        ("faces --root .", 2, "invalid choice: 'faces'"),
        ("celebs --root .", 2, "did you mean celeba?"),
        ("", 2, "the following arguments are required"),
    ],
)
def test_build_exit_code_and_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, command: str, code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == code
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""
    assert list(tmp_path.iterdir()) == []


def test_build_interrupted_is_130(
    class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "check_images", interrupt)
    assert main(["folder", "--root", str(class_folders), "--out", str(tmp_path / "m.parquet")]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted: nothing was written"


@pytest.mark.parametrize("dataset", ["", "adience", "celeba", "folder", "sample"])
def test_build_help_is_not_an_error(dataset: str, capsys: Capture) -> None:
    assert main([*dataset.split(), "--help"]) == 0
    assert "usage: python -m data_prep.build" in capsys.readouterr().out


def test_build_reads_the_real_faces(real_data: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "faces.parquet"
    assert main(["adience", "--root", str(real_data / "faces"), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kept"], said["labels"], said["subjects"]) == (129, {"0": 31, "1": 98}, 129)


def test_build_imports_neither_keras_nor_ray() -> None:
    modules = "{'ray', 'keras', 'tensorflow'} & set(sys.modules)"
    code = f"import sys, data_prep.build, data_prep.splits; print({modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_build_keeps_the_size_and_the_mode_of_the_pictures(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options in (("cat", {}), ("dog", {"exif": exif})):
        (tmp_path / name).mkdir()
        blobs((40, 30)).save(tmp_path / name / "a.tif", **options)
    assert main(["folder", "--root", str(tmp_path), "--out", str(tmp_path / "m.parquet")]) == 0
    table = read_manifest(tmp_path / "m.parquet").table
    assert table[["width", "height", "mode"]].values.tolist() == [[40, 30, "RGB"], [30, 40, "RGB"]]


def test_build_takes_the_side_and_the_links_that_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        blobs((40, 12)).save(tmp_path / name / "a.png")
        (tmp_path / "root" / name).mkdir()
        (tmp_path / "root" / name / "a.png").symlink_to(tmp_path / name / "a.png")
    command = ["folder", "--root", str(tmp_path / "root"), "--out", str(tmp_path / "m.parquet")]
    assert main([*command, "--min-side", "12"]) == 1
    assert main([*command, "--follow-links"]) == 1
    assert main([*command, "--follow-links", "--min-side", "12"]) == 0
