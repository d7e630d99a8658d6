from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.datasets.utkface import load_utkface
from data_prep.errors import InputError

MAN, WOMAN = "26_0_1_20170116220224657.jpg.chip.jpg", "3_1_0_20161219140623097.jpg"


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_utkface_zero_is_a_man_and_one_a_woman(tmp_path: Path) -> None:
    make(tmp_path, f"UTKFace/{MAN}", f"UTKFace/{WOMAN}")
    labels = load_utkface(tmp_path)
    shown = [(labels.class_names[row.label], row.age) for row in labels.table.itertuples()]
    assert shown == [("male", "26"), ("female", "3")]
    assert set(labels.table["source"]) == {"utkface"}


@pytest.mark.parametrize(
    "name", ["39_1_20170116174525125.jpg.chip.jpg", "24_0_1_.jpg", "20_2_1_20170116.jpg", "a.jpg"]
)
def test_utkface_counts_malformed_names(tmp_path: Path, name: str) -> None:
    make(tmp_path, MAN, name)
    labels = load_utkface(tmp_path)
    assert labels.first_dropped == {"name is not age_gender_race_date.jpg": (name,)}


def test_utkface_takes_a_name_once(tmp_path: Path) -> None:
    make(tmp_path, f"UTKFace/{MAN}", f"crop_part1/{MAN}")
    assert load_utkface(tmp_path).dropped == {"repeated": 1}


def test_utkface_refuses_a_folder_without_such_names(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    with pytest.raises(InputError, match=r"no usable row .*name is not age_gender_race_date\.jpg 1"):
        load_utkface(tmp_path)
