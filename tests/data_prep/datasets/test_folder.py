from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.datasets.folder import load_folder
from data_prep.datasets.labels import DRAWN_HEADLINE
from data_prep.errors import InputError


def write_csv(root: Path, *lines: str, header: str = "path,label,subject") -> Path:
    root.mkdir(exist_ok=True)
    (root / "labels.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return root / "labels.csv"


def test_folder_names_are_the_labels(class_folders: Path) -> None:
    table = load_folder(class_folders).table
    assert table[["path", "label"]].values.tolist() == [
        *([f"female/{number}.png", 0] for number in range(3)),
        *([f"male/{number}.png", 1] for number in range(3)),
    ]
    assert set(table["source"]) == {"folder"}


@pytest.mark.parametrize(
    ("female", "male"), [("Women", "men"), ("woman", "MAN"), ("F", "M"), ("0", "1"), ("ash", "oak")]
)
def test_folder_maps_class_names(class_folders: Path, female: str, male: str) -> None:
    (class_folders / "female").rename(class_folders / female)
    (class_folders / "male").rename(class_folders / male)
    labels = load_folder(class_folders)
    assert set(labels.table.query("label == 1")["path"].str.split("/").str[0]) == {male}
    assert f"classes: {female} is label 0, {male} is label 1" in labels.notes
    assert labels.class_names == (female, male)


def test_folder_takes_nested_images_of_any_case_and_leaves_the_rest(
    class_folders: Path, draw_picture: Callable[..., None]
) -> None:
    draw_picture(class_folders / "male" / "trip" / "deep" / "X.JPeG")
    (class_folders / "male" / "notes.txt").touch()
    labels = load_folder(class_folders)
    assert "male/trip/deep/X.JPeG" in labels.table["path"].tolist()
    assert "1 files that are no images by their name are left out" in labels.notes


def test_folder_below_a_drawn_tree_is_of_the_sample(class_folders: Path) -> None:
    (class_folders.parent / "DRAWN.txt").write_text(f"{DRAWN_HEADLINE}\n")
    assert set(load_folder(class_folders).table["source"]) == {"sample"}


@pytest.mark.parametrize("extra", ["child", None])
def test_folder_refuses_other_than_two_classes(class_folders: Path, extra: str | None) -> None:
    if extra:
        (class_folders / extra).mkdir()
    else:
        (class_folders / "male").rename(class_folders / "female" / "male")
    with pytest.raises(InputError, match=r"exactly two classes, the folders in .* name (3: child|1: female)"):
        load_folder(class_folders)


def test_folder_refuses_classes_without_images(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="no usable row among the 0 read"):
        load_folder(tmp_path)


def test_csv_in_the_folder_is_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "own", "./a.jpg,f,ann", "b/c.jpg, m ,", "a.jpg,f,ann")
    labels = load_folder(tmp_path / "own")
    assert labels.table["path"].tolist() == ["a.jpg", "b/c.jpg"]
    assert labels.table["label"].tolist() == [0, 1]
    assert labels.table["subject"].isna().tolist() == [False, True]
    assert (labels.rows_read, labels.dropped, labels.subjects) == (3, {"repeated": 1}, 1)


def test_csv_may_be_the_root_or_lie_elsewhere(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own", "a.jpg,0", "b.jpg,1", header="path,label")
    (tmp_path / "images").mkdir()
    assert load_folder(path).root == tmp_path / "own"
    assert load_folder(tmp_path / "images", csv=path).root == tmp_path / "images"


def test_csv_fields_may_be_quoted(tmp_path: Path) -> None:
    write_csv(tmp_path, '"a, b.jpg",0,x', "c.jpg,1,y")
    assert load_folder(tmp_path).table["path"][0] == "a, b.jpg"


@pytest.mark.parametrize("path", ["../a.jpg", "a/../../b.jpg", "/etc/passwd", "C:/a.jpg", r"..\a.jpg", ""])
def test_csv_path_must_stay_in_the_folder(tmp_path: Path, path: str) -> None:
    write_csv(tmp_path, "b.jpg,1,x", f"{path},0,x")
    with pytest.raises(
        InputError, match=r"a path must be relative to the data folder.*labels\.csv line 3 has"
    ):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.jpg,0", "line 3 must have 3 columns like its header, has 2"),
        ("a.jpg,2,x", r"exactly two classes, .*, name 1|exactly two classes"),
        ('"a.jpg,0,x', r"labels\.csv line \d is not CSV \(unexpected end of data\)"),
    ],
)
def test_csv_refuses_a_bad_line(tmp_path: Path, line: str, said: str) -> None:
    write_csv(tmp_path, "b.jpg,1,x", line, *(["c.jpg,0,x"] if line.startswith("a.jpg,2") else []))
    with pytest.raises(InputError, match=said):
        load_folder(tmp_path)


def test_csv_names_a_missing_column(tmp_path: Path) -> None:
    write_csv(tmp_path, "a.jpg,0", header="file,label")
    with pytest.raises(InputError, match=r"labels\.csv needs the column path, its header has file, label"):
        load_folder(tmp_path)


def test_csv_refuses_other_encodings_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes("path,label\nä.jpg,0\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"must be UTF-8 text, line 2 has the byte 0xe4 \(byte offset 11\)"):
        load_folder(tmp_path)


def test_csv_option_must_name_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.csv"):
        load_folder(tmp_path, csv=tmp_path / "none.csv")
