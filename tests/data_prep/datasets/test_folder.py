from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.datasets.folder import load_folder
from data_prep.datasets.labels import DRAWN_HEADLINE
from data_prep.datasets.own_folder.folder_rules import FolderRules
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
    assert (labels.dropped, labels.first_dropped) == (
        {"suffix .txt": 1},
        {"suffix .txt": ("male/notes.txt",)},
    )
    assert labels.rows_read == 8


def test_folder_below_a_drawn_tree_is_of_the_sample(class_folders: Path) -> None:
    (class_folders.parent / "DRAWN.txt").write_text(f"{DRAWN_HEADLINE}\n")
    assert set(load_folder(class_folders).table["source"]) == {"sample"}


def test_folder_refuses_one_class(class_folders: Path) -> None:
    (class_folders / "male").rename(class_folders / "female" / "male")
    with pytest.raises(InputError, match=r"2 to 1,000 classes, the folders in .* name 1: female"):
        load_folder(class_folders)


def test_folder_labels_several_classes_in_the_order_of_the_alphabet(
    tmp_path: Path, draw_picture: Callable[..., None]
) -> None:
    for name in ("tulip", "Daisy", "rose"):
        draw_picture(tmp_path / name / "a.png")
    labels = load_folder(tmp_path)
    assert labels.class_names == ("Daisy", "rose", "tulip")
    assert labels.table["label"].tolist() == [0, 1, 2]
    assert "classes: Daisy is label 0, rose is label 1, tulip is label 2" in labels.notes


def test_csv_labels_numbers_in_their_order(tmp_path: Path) -> None:
    write_csv(tmp_path, "a.jpg,10,", "b.jpg,9,", "c.jpg,1,")
    labels = load_folder(tmp_path)
    assert labels.class_names == ("1", "9", "10")
    assert labels.table["label"].tolist() == [2, 1, 0]


def test_csv_refuses_more_classes_than_can_be_told_apart(tmp_path: Path) -> None:
    write_csv(tmp_path, *(f"{number}.jpg,{number}," for number in range(1001)))
    with pytest.raises(InputError, match=r"2 to 1,000 classes, the column label of .* name 1,001: 0, 1, 10"):
        load_folder(tmp_path)


def test_folder_refuses_classes_without_images(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=r"no usable row among the 2 read .*empty folder 2"):
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
        ('"a.jpg,0,x', r"labels\.csv line \d is not CSV \(unexpected end of data\)"),
    ],
)
def test_csv_refuses_a_bad_line(tmp_path: Path, line: str, said: str) -> None:
    write_csv(tmp_path, "b.jpg,1,x", line)
    with pytest.raises(InputError, match=said):
        load_folder(tmp_path)


def test_csv_names_a_missing_column(tmp_path: Path) -> None:
    write_csv(tmp_path, "a.jpg,0", header="file,label")
    with pytest.raises(
        InputError, match=r"labels\.csv needs the column path, its header has file, label; .* --path-column$"
    ):
        load_folder(tmp_path)


def test_csv_refuses_other_encodings_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes("path,label\nä.jpg,0\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"must be UTF-8 text, line 2 has the byte 0xe4 \(byte offset 11\)"):
        load_folder(tmp_path)


def test_csv_option_must_name_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.csv"):
        load_folder(tmp_path, csv=tmp_path / "none.csv")


def test_folder_without_an_image_in_it_is_no_class(class_folders: Path) -> None:
    (class_folders / "scripts").mkdir()
    (class_folders / "scripts" / "run.py").touch()
    labels = load_folder(class_folders)
    assert (labels.class_names, labels.dropped) == (("female", "male"), {"suffix .py": 1})


def test_folder_of_parts_is_a_given_split(class_folders: Path) -> None:
    for part in ("Train", "val", "test"):
        shutil.copytree(class_folders, class_folders.parent / "split" / part)
    labels = load_folder(class_folders.parent / "split")
    assert labels.class_names == ("female", "male")
    assert labels.table["partition"].value_counts().to_dict() == {"train": 6, "validation": 6, "test": 6}
    assert labels.table.query("partition == 'train'")["path"].tolist()[0] == "Train/female/0.png"


def test_folder_names_in_two_forms_of_unicode_are_one_class(class_folders: Path) -> None:
    (class_folders / "female").rename(class_folders / "caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    shutil.copytree(class_folders / "male", class_folders / "cafe\N{COMBINING ACUTE ACCENT}")
    labels = load_folder(class_folders)
    assert labels.class_names == ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "male")
    assert sorted(labels.table["label"].tolist()) == [0, 0, 0, 0, 0, 0, 1, 1, 1]


def test_folder_takes_the_classes_in_the_order_asked(class_folders: Path) -> None:
    labels = load_folder(class_folders, rules=FolderRules(class_names=("male", "female")))
    assert labels.class_names == ("male", "female")
    assert labels.table["label"].tolist() == [1, 1, 1, 0, 0, 0]


def test_folder_refuses_classes_that_the_data_does_not_have(class_folders: Path) -> None:
    with pytest.raises(
        InputError, match=r"--classes must be the classes of the data.* received man,woman;.*f"
    ):
        load_folder(class_folders, rules=FolderRules(class_names=("man", "woman")))


@pytest.mark.parametrize(
    ("pattern", "groups"), [(r"/(\d)", ["0", "1", "2"]), (r"\d\.png", ["0.png", "1.png", "2.png"])]
)
def test_folder_groups_by_what_a_pattern_finds(class_folders: Path, pattern: str, groups: list[str]) -> None:
    labels = load_folder(class_folders, rules=FolderRules(group_regex=pattern))
    assert labels.table["subject"].tolist() == groups * 2
    assert (labels.group_kind, labels.subjects) == ("pattern", 3)


def test_folder_refuses_a_pattern_that_is_none() -> None:
    with pytest.raises(InputError, match=r"--group-regex must be a regular expression, received '\('"):
        FolderRules(group_regex="(")


@pytest.mark.parametrize(
    "header", ["path,label,subject", "filename,class,group", "label;subject;path", "path\tlabel\tgroup"]
)
def test_csv_columns_and_separators(tmp_path: Path, header: str) -> None:
    gap = next(letter for letter in ",;\t" if letter in header)
    columns = header.split(gap)
    path, label, group = (columns[place] for place in ((2, 0, 1) if gap == ";" else (0, 1, 2)))
    rows = ({path: "a.jpg", label: "cat", group: "x"}, {path: "b.jpg", label: "dog", group: "x"})
    write_csv(tmp_path, *(gap.join(row[name] for name in columns) for row in rows), header=header)
    table = load_folder(tmp_path).table
    assert table[["path", "label", "subject"]].values.tolist() == [["a.jpg", 0, "x"], ["b.jpg", 1, "x"]]


def test_csv_columns_that_are_named(tmp_path: Path) -> None:
    write_csv(tmp_path, "a.jpg,0,ann,1", "b.jpg,1,bob,2", header="file,sex,who,path")
    rules = FolderRules(path_column="file", label_column="sex", group_column="who")
    labels = load_folder(tmp_path, rules=rules)
    assert labels.table["path"].tolist() == ["a.jpg", "b.jpg"]
    assert (labels.table["subject"].tolist(), labels.group_kind) == (["ann", "bob"], "column who")


def test_csv_refuses_a_group_column_that_is_not_there(tmp_path: Path) -> None:
    write_csv(tmp_path, "a.jpg,0,x", "b.jpg,1,x")
    with pytest.raises(
        InputError, match="--group-column must be a column of the file, received who; its header"
    ):
        load_folder(tmp_path, rules=FolderRules(group_column="who"))


def test_csv_missing_groups_are_no_group(tmp_path: Path) -> None:
    missing = ("nan", "NA", "None", "null", "-", "Unknown", "?", "-1", "")
    write_csv(tmp_path, "a.jpg,0,ann", *(f"{number}.jpg,1,{word}" for number, word in enumerate(missing)))
    labels = load_folder(tmp_path)
    assert (labels.subjects, int(labels.table["subject"].isna().sum())) == (1, len(missing))


def test_csv_row_without_a_label_is_left_out_unless_it_is_a_class(tmp_path: Path) -> None:
    write_csv(tmp_path, "a.jpg,mask,x", "b.jpg,None,x", "c.jpg,bare,x")
    labels = load_folder(tmp_path)
    assert (labels.dropped, labels.class_names) == ({"label missing": 1}, ("bare", "mask"))
    (tmp_path / "labels.csv").write_text("path,label\na.jpg,mask\nb.jpg,None\n")
    assert load_folder(tmp_path, rules=FolderRules(class_names=("mask", "None"))).dropped == {}


def test_csv_folds_and_parts_are_read(tmp_path: Path) -> None:
    lines = ["a.jpg,0,0.0,train", "b.jpg,1,1,Val", "c.jpg,1,nan,"]
    write_csv(tmp_path, *lines, header="path,label,fold,partition")
    table = load_folder(tmp_path).table
    assert table["fold"].dropna().tolist() == [0, 1]
    assert table["partition"].dropna().tolist() == ["train", "validation"]


@pytest.mark.parametrize(("fold", "part"), [("x", "train"), ("0", "half")])
def test_csv_refuses_folds_and_parts_that_are_none(tmp_path: Path, fold: str, part: str) -> None:
    write_csv(tmp_path, f"a.jpg,0,{fold},{part}", header="path,label,fold,partition")
    with pytest.raises(InputError, match=r"a (fold|partition) must be .*labels\.csv line 2 has '(x|half)'"):
        load_folder(tmp_path)


def test_csv_absolute_paths_within_the_root_are_read(tmp_path: Path) -> None:
    write_csv(tmp_path, f"{tmp_path}/a.jpg,0,x", "b.jpg,1,x")
    assert load_folder(tmp_path).table["path"].tolist() == ["a.jpg", "b.jpg"]


def test_csv_absolute_paths_through_a_link_to_the_root_are_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "own", f"{tmp_path}/link/a.jpg,0,x", "b.jpg,1,x")
    (tmp_path / "link").symlink_to(tmp_path / "own")
    assert load_folder(tmp_path / "link").table["path"].tolist() == ["a.jpg", "b.jpg"]


def test_csv_name_in_another_form_of_unicode_is_the_file(
    tmp_path: Path, draw_picture: Callable[..., None]
) -> None:
    on_disk = "e\N{COMBINING ACUTE ACCENT}te/a\N{COMBINING DIAERESIS}.png"
    draw_picture(tmp_path / on_disk)
    write_csv(tmp_path, f"{unicodedata.normalize('NFC', on_disk)},0,x", "b.jpg,1,x")
    assert load_folder(tmp_path).table["path"].tolist() == [on_disk, "b.jpg"]


def test_csv_name_in_another_form_of_unicode_is_not_the_one_in_other_capitals(
    tmp_path: Path, draw_picture: Callable[..., None]
) -> None:
    on_disk = [f"{letter}\N{COMBINING ACUTE ACCENT}.png" for letter in "Ee"]
    for name in on_disk:
        draw_picture(tmp_path / name)
    write_csv(tmp_path, *(f"{unicodedata.normalize('NFC', name)},{n},x" for n, name in enumerate(on_disk)))
    assert load_folder(tmp_path).table["path"].tolist() == on_disk


def test_csv_name_in_other_capitals_or_without_its_suffix_is_the_only_such_file(
    tmp_path: Path, draw_picture: Callable[..., None]
) -> None:
    for name in ("Pets/a.JPG", "Pets/b.png", "Pets/c.jpg", "Pets/c.png", "Pets/d.png", "Pets/D.png"):
        draw_picture(tmp_path / name)
    lines = ("pets/A.jpg,0,x", "pets/b,1,x", "pets/c,0,x", "Pets/D.PNG,1,x", "Pets/c.jpg,0,x")
    write_csv(tmp_path, *lines)
    labels = load_folder(tmp_path)
    found = ["Pets/a.JPG", "Pets/b.png", "pets/c", "Pets/D.PNG", "Pets/c.jpg"]
    assert labels.table["path"].tolist() == found
    said = "2 images are named a little differently on disk, such as Pets/a.JPG for pets/A.jpg"
    assert said in labels.notes


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("a.jpg,dog,x,0", r"with the label 'cat' in .*labels\.csv line 2 and 'dog' in .*labels\.csv line 4"),
        ("a.jpg,cat,y,0", "with the group 'x' in .* line 2 and 'y' in .* line 4"),
        ("a.jpg,cat,-,0", "with the group 'x' in .* line 2 and unknown in .* line 4"),
        ("./a.jpg,cat,x,1", "with the fold 0 in .* line 2 and 1 in .* line 4"),
    ],
)
def test_csv_refuses_rows_that_contradict_each_other(tmp_path: Path, other: str, said: str) -> None:
    lines = ["a.jpg,cat,x,0", "b.jpg,dog,x,0", other]
    write_csv(tmp_path, *lines, header="path,label,group,fold")
    with pytest.raises(InputError, match=rf"1 images .* is a\.jpg {said}; .*--on-conflict drop or first"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("choice", "kept", "left_out"), [("first", ["a", "b", "c"], 1), ("drop", ["b", "c"], 2)]
)
def test_csv_contradicting_rows_are_dropped_where_asked(
    tmp_path: Path, choice: str, kept: list[str], left_out: int
) -> None:
    write_csv(tmp_path, "a,cat,x", "b,dog,x", "a,dog,x", "c,cat,x", "c,cat,x")
    labels = load_folder(tmp_path, rules=FolderRules(on_conflict=choice))
    assert labels.table["path"].tolist() == kept
    assert labels.dropped == {"contradicts another row": left_out, "repeated": 1}
    assert labels.rows_read == 5


@pytest.mark.parametrize("column", ["partition", "split"])
def test_csv_column_of_parts_is_a_given_split_and_said(tmp_path: Path, column: str) -> None:
    write_csv(tmp_path, "a.jpg,0,train,7", "b.jpg,1,TEST,7", header=f"path,label,{column},width")
    labels = load_folder(tmp_path)
    assert labels.table["partition"].tolist() == ["train", "test"]
    assert (
        f"the column {column} is a given split (--split given); test is read by --final only" in labels.notes
    )
    assert "columns that are not read: width" in labels.notes


def test_csv_counts_the_images_that_it_does_not_list(
    tmp_path: Path, draw_picture: Callable[..., None]
) -> None:
    for name in ("a", "b", "c"):
        draw_picture(tmp_path / "images" / f"{name}.png")
    write_csv(tmp_path, "images/a.png,0", "images/b.png,1", header="path,label")
    labels = load_folder(tmp_path)
    assert labels.first_dropped["not in the list"] == ("images/c.png",)


@pytest.mark.parametrize("others", [("cat", "Cat"), ("cat", "cat "), ("1", "01"), ("big cat", "Big  cat")])
def test_classes_that_may_be_one_are_said(
    tmp_path: Path, draw_picture: Callable[..., None], others: tuple[str, str]
) -> None:
    for name in (*others, "dog"):
        draw_picture(tmp_path / name / "a.png")
    assert "look like one class spelled differently" in "".join(load_folder(tmp_path).notes)
