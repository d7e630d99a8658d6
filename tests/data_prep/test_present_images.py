from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.present_images import require_present

PATHS = ["cat/0.jpg", "cat/1.jpg", "dog/2.jpg", "dog/3.jpg"]


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_images_that_are_there_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, *PATHS)
    require_present(tmp_path, PATHS, "m", "say where")


def test_missing_images_are_counted_and_the_first_named(tmp_path: Path) -> None:
    fill(tmp_path, "cat/0.jpg")
    with pytest.raises(InputError, match=r"3 of the 4 images of m are missing in .*: cat/1\.jpg, dog/2"):
        require_present(tmp_path, PATHS, "m", "say where")


def test_missing_images_are_found_one_folder_deeper(tmp_path: Path) -> None:
    fill(tmp_path / "unzipped", *PATHS)
    with pytest.raises(InputError, match=r"4 of the 4 .*; they seem to be in .*/unzipped; say where"):
        require_present(tmp_path, PATHS, "m", "say where")
