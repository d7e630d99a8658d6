from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.datasets.fairface import load_fairface
from data_prep.errors import InputError

HEADER = "file,age,gender,race,service_test"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The two label files of FairFace, without images."""
    rows = ("1.jpg,50-59,Male,East Asian,True", "2.jpg,30-39,Female,White,False")
    for name in ("train", "val"):
        lines = [HEADER, *(f"{name}/{row}" for row in rows)]
        (tmp_path / f"fairface_label_{name}.csv").write_text("\n".join(lines))
    return tmp_path


def test_fairface_files_are_the_parts_of_a_given_split(tree: Path) -> None:
    labels = load_fairface(tree)
    assert labels.class_names == ("Female", "Male")
    assert labels.table[["path", "label", "age", "partition"]].values.tolist() == [
        ["train/1.jpg", 1, "50-59", "train"],
        ["train/2.jpg", 0, "30-39", "train"],
        ["val/1.jpg", 1, "50-59", "validation"],
        ["val/2.jpg", 0, "30-39", "validation"],
    ]


def test_fairface_label_may_be_another_column(tree: Path) -> None:
    assert load_fairface(tree, attribute="race").class_names == ("East Asian", "White")


def test_fairface_may_have_one_file_only(tree: Path) -> None:
    (tree / "fairface_label_train.csv").unlink()
    assert set(load_fairface(tree).table["partition"]) == {"validation"}


def test_fairface_refuses_a_folder_without_labels(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"holds neither fairface_label_train\.csv nor fairface_label_val\.csv"
    ):
        load_fairface(tmp_path)
