from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.class_names import AGE_GROUPS
from data_prep.datasets.adience import load_adience
from data_prep.datasets.labels import DRAWN_HEADLINE
from data_prep.errors import InputError
from data_prep.groups import groups_of

Write = Callable[..., Path]

GOOD = ("1@N00", "a.jpg", "7", "f", 0)


def test_adience_reads_five_frontal_folds(adience_tree: Path) -> None:
    labels = load_adience(adience_tree)
    assert (labels.rows_read, len(labels.table), labels.subjects) == (20, 20, 10)
    assert labels.table["fold"].value_counts().to_dict() == dict.fromkeys(range(5), 4)
    assert labels.notes == ()


def test_adience_row_in_the_manifest_columns(tmp_path: Path, write_fold: Write) -> None:
    write_fold(tmp_path, [GOOD])
    labels = load_adience(tmp_path)
    assert (labels.class_names, labels.group_kind) == (("female", "male"), "user")
    assert labels.table.iloc[0].dropna().to_dict() == {
        "path": "aligned/1@N00/landmark_aligned_face.7.a.jpg",
        "label": 0,
        "subject": "1@N00/7",
        "fold": 0,
        "age": "(25, 32)",
        "source": "adience",
    }


def test_adience_accepts_the_underscore_spelling(
    tmp_path: Path, write_fold: Write, draw_picture: Callable[..., None]
) -> None:
    write_fold(tmp_path, [GOOD])
    draw_picture(tmp_path / "aligned/1@N00/landmark_aligned_face_7_a.jpg")
    assert load_adience(tmp_path).table["path"][0] == "aligned/1@N00/landmark_aligned_face_7_a.jpg"


def test_adience_counts_what_it_drops(tmp_path: Path, write_fold: Write) -> None:
    rows = [
        GOOD,
        GOOD,
        ("1@N00", "b.jpg", "8", "u", 0),
        ("1@N00", "c.jpg", "9", "", 0),
        ("2", "d", "7", "m", 15),
    ]
    write_fold(tmp_path, rows, name="fold_0_data.txt")
    labels = load_adience(tmp_path, yaw=0)
    assert labels.dropped == {"repeated": 1, "gender u": 1, "gender empty": 1, "yaw not 0": 1}
    assert (labels.rows_read, len(labels.table), labels.subjects) == (5, 1, 4)


def test_adience_keeps_every_yaw_unless_asked(tmp_path: Path, write_fold: Write) -> None:
    write_fold(tmp_path, [GOOD, ("2", "d.jpg", "7", "m", 15)], name="fold_0_data.txt")
    assert len(load_adience(tmp_path).table) == 2


@pytest.mark.parametrize(
    ("yaw", "image", "said"),
    [
        (None, "a.jpg", "the frontal files are read"),
        (15, "turned.jpg", "the files with every yaw angle are read"),
    ],
)
def test_adience_says_which_of_two_kinds_it_reads(
    tmp_path: Path, write_fold: Write, yaw: int | None, image: str, said: str
) -> None:
    write_fold(tmp_path, [GOOD])
    write_fold(tmp_path, [("2", "turned.jpg", "7", "m", 15)], name="fold_0_data.txt")
    labels = load_adience(tmp_path, yaw=yaw)
    assert labels.table["path"][0].endswith(image)
    assert said in labels.notes[0]


def test_adience_says_when_folds_are_missing(tmp_path: Path, write_fold: Write) -> None:
    write_fold(tmp_path, [GOOD])
    assert load_adience(tmp_path).notes == (
        "1 of Adience's 5 fold files are there (fold_frontal_0_data.txt); the counts are of a part",
    )


def test_adience_age_none_is_unknown(tmp_path: Path, write_fold: Write) -> None:
    path = write_fold(tmp_path, [GOOD])
    path.write_text(path.read_text().replace("(25, 32)", "None"))
    assert load_adience(tmp_path).table["age"].isna().all()


def test_adience_reads_bom_and_crlf(tmp_path: Path, write_fold: Write) -> None:
    path = write_fold(tmp_path, [GOOD])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(load_adience(tmp_path).table) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            ("1", "a.jpg", "7", "x", 0),
            r"gender must be m, f, u or empty, .*fold_frontal_0_data\.txt line 3 has 'x'",
        ),
        (("../..", "a.jpg", "7", "f", 0), r"user_id must be a plain name .* line 3 has '\.\./\.\.'"),
        (
            ("1", "/etc/passwd", "7", "f", 0),
            "original_image must be a plain name .* line 3 has '/etc/passwd'",
        ),
        (("..", "a.jpg", "7", "f", 0), "user_id must be a plain name"),
        (("1", "a.jpg", "", "f", 0), "face_id must be a plain name .* line 3 has ''"),
        (("1", "a.jpg", "7\t8", "f", 0), "line 3 must have 12 columns like its header, has 13"),
        (
            ("1", "a.jpg", "7", "f", "left"),
            "fiducial_yaw_angle must be a number of degrees, .* line 3 has 'left'",
        ),
    ],
)
def test_adience_refuses_a_bad_row(
    tmp_path: Path, write_fold: Write, row: tuple[str, ...], said: str
) -> None:
    write_fold(tmp_path, [GOOD, row])
    with pytest.raises(InputError, match=said):
        load_adience(tmp_path, yaw=0)


def test_adience_names_a_missing_column(tmp_path: Path, write_fold: Write) -> None:
    path = write_fold(tmp_path, [GOOD])
    path.write_text(path.read_text().replace("gender", "sex"))
    with pytest.raises(
        InputError, match=r"fold_frontal_0_data\.txt needs the column gender, its header has user_id"
    ):
        load_adience(tmp_path)


def test_adience_refuses_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "fold_frontal_0_data.txt").touch()
    with pytest.raises(InputError, match="its header has nothing"):
        load_adience(tmp_path)


def test_adience_refuses_files_without_a_usable_row(tmp_path: Path, write_fold: Write) -> None:
    write_fold(tmp_path, [("1", "a.jpg", "7", "u", 0)])
    with pytest.raises(InputError, match=r"no usable row among the 1 read from .* \(dropped: gender u 1\)"):
        load_adience(tmp_path)


@pytest.mark.parametrize(("folder", "said"), [("none", "does not exist"), ("", "holds neither fold_frontal")])
def test_adience_refuses_a_folder_without_labels(tmp_path: Path, folder: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_adience(tmp_path / folder)


def test_adience_counts_of_the_real_label_files(real_data: Path) -> None:
    labels = load_adience(real_data / "adience_labels", yaw=0, look_for_images=False)
    assert (labels.rows_read, len(labels.table), labels.dropped["repeated"]) == (8241, 5373, 20)
    assert labels.table["label"].value_counts().to_dict() == {0: 2748, 1: 2625}
    assert labels.subjects == 910


def test_adience_accepts_the_faces_that_were_not_aligned(
    tmp_path: Path, write_fold: Write, draw_picture: Callable[..., None]
) -> None:
    write_fold(tmp_path, [GOOD])
    draw_picture(tmp_path / "faces/1@N00/coarse_tilt_aligned_face.7.a.jpg")
    assert load_adience(tmp_path).table["path"][0] == "faces/1@N00/coarse_tilt_aligned_face.7.a.jpg"


@pytest.mark.parametrize(
    ("kind", "groups"),
    [
        ("user", ["1@N00", "1@N00", "2"]),
        ("face", ["1@N00/7", "1@N00/8", "2/7"]),
        ("photo", ["1@N00/a.jpg", "1@N00/a.jpg", "2/a.jpg"]),
    ],
)
def test_adience_groups(tmp_path: Path, write_fold: Write, kind: str, groups: list[str]) -> None:
    write_fold(tmp_path, [GOOD, ("1@N00", "a.jpg", "8", "m", 0), ("2", "a.jpg", "7", "m", 0)])
    labels = load_adience(tmp_path, group=kind)
    assert groups_of(labels.table, labels.group_kind).tolist() == groups
    assert labels.subjects == 3


def test_adience_drawn_faces_are_grouped_by_face(tmp_path: Path, write_fold: Write) -> None:
    (tmp_path / "DRAWN.txt").write_text(f"{DRAWN_HEADLINE}\n")
    write_fold(tmp_path, [GOOD])
    assert load_adience(tmp_path).group_kind == "face"


def test_adience_refuses_a_face_of_two_genders(tmp_path: Path, write_fold: Write) -> None:
    write_fold(tmp_path, [GOOD, ("1@N00", "a.jpg", "7", "m", 0)])
    with pytest.raises(InputError, match=r"with the label 'female' in .* line 2 and 'male' in .* line 3"):
        load_adience(tmp_path)


def test_adience_ages_are_the_eight_groups_and_the_rest_is_counted(tmp_path: Path, write_fold: Write) -> None:
    ages = ("(60, 100)", "35", "(0, 2)", "(38, 42)", "None", "(8, 23)", "(0, 2)")
    write_fold(
        tmp_path,
        [(f"{number}@N00", "a.jpg", "7", "u", 0) for number in range(len(ages))],
        ages=ages,
    )
    labels = load_adience(tmp_path, target="age")
    assert labels.class_names == AGE_GROUPS
    assert labels.table["label"].tolist() == [7, 0, 0]
    assert labels.dropped == {"age 35": 1, "age (38, 42)": 1, "age None": 1, "age (8, 23)": 1}


def test_adience_ages_of_the_real_files_are_those_of_levi_and_hassner(real_data: Path) -> None:
    labels = load_adience(
        real_data / "adience_labels", target="age", on_conflict="first", look_for_images=False
    )
    assert labels.table["fold"].value_counts().to_dict() == {0: 4305, 1: 3092}
