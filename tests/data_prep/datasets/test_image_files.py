from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_prep.datasets.image_files import image_files
from data_prep.datasets.tally import Tally


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".a.jpg", "hidden file"),
        ("cat/._a.jpg", "._* (macOS writes it beside a file)"),
        ("cat/Thumbs.db", "Thumbs.db"),
        ("cat/.DS_Store", ".DS_Store"),
        ("cat/a.CR2", "suffix .cr2"),
        ("cat/README", "no suffix"),
        (".git/a.jpg", "in a hidden folder"),
        ("cat/@eaDir/a.jpg/THUMB.jpg", "in @eaDir (thumbnails of a NAS)"),
        ("__MACOSX/cat/._a.jpg", "in __MACOSX (of an archive)"),
        ("cat/.ipynb_checkpoints/a.jpg", "in .ipynb_checkpoints (copies by Jupyter)"),
    ],
)
def test_files_that_are_left_out_are_counted_by_reason(tmp_path: Path, path: str, reason: str) -> None:
    make(tmp_path, path, "cat/b.jpg")
    tally = Tally()
    assert image_files(tmp_path, tally) == ["cat/b.jpg"]
    assert (tally.counts, tally.first) == ({reason: 1}, {reason: (path,)})


def test_folders_without_files_are_counted(tmp_path: Path) -> None:
    make(tmp_path, "cat/b.jpg")
    (tmp_path / "dog").mkdir()
    tally = Tally()
    image_files(tmp_path, tally)
    assert tally.first == {"empty folder": ("dog",)}


def test_links_in_a_circle_are_left_to_the_check_of_the_images(tmp_path: Path) -> None:
    make(tmp_path, "cat/b.jpg")
    (tmp_path / "cat" / "loop.jpg").symlink_to("loop.jpg")
    assert image_files(tmp_path, Tally()) == ["cat/b.jpg", "cat/loop.jpg"]


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "jpe", "jfif", "png", "bmp", "gif", "tif", "webp", "avif"])
def test_files_with_the_suffixes_of_images_are_taken(tmp_path: Path, suffix: str) -> None:
    make(tmp_path, f"a.{suffix}")
    assert image_files(tmp_path, Tally()) == [f"a.{suffix}"]


@pytest.mark.parametrize("name", ["a\nb.jpg", "\N{DOG FACE}.jpg", "a b'\"$.jpg"])
def test_files_may_have_any_name(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    assert image_files(tmp_path, Tally()) == [name]


def test_file_whose_name_is_not_utf8_is_left_out_and_can_be_printed(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).touch()
    tally = Tally()
    assert image_files(tmp_path, tally) == []
    assert tally.first == {"name that is not UTF-8": ("caf\\xe9.jpg",)}


def test_links_to_folders_are_entered_where_asked_and_once(tmp_path: Path) -> None:
    make(tmp_path, "here/a.jpg", "there/b.jpg")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there")
    (tmp_path / "here" / "circle").symlink_to(tmp_path / "here")
    tally = Tally()
    assert image_files(tmp_path / "here", tally) == ["a.jpg"]
    assert tally.first == {"link to a folder, not followed": ("circle", "link")}
    assert image_files(tmp_path / "here", Tally(), follow_links=True) == ["a.jpg", "link/b.jpg"]


def test_tally_keeps_the_first_five_names() -> None:
    tally = Tally()
    for number in range(7):
        tally.add("suffix .heic", f"{number}.heic")
    assert tally.counts["suffix .heic"] == 7
    assert tally.first["suffix .heic"] == tuple(f"{number}.heic" for number in range(5))
