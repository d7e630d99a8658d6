"""What a person names becomes photographs."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.class_names import printable
from data_prep.errors import InputError
from search.prediction.photographs import drawn_photographs, photographs_in, photographs_named
from tests.search.makers import make_manifest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "deep/er/c.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["photos/b.jpg"], ["photos/b.jpg"]),
        (["photos"], ["photos/a.PNG", "photos/b.jpg", "photos/deep/er/c.jpg"]),
        (["photos/*.jpg"], ["photos/.hidden.jpg", "photos/b.jpg"]),
        (["photos/**/*.jpg"], ["photos/.hidden.jpg", "photos/b.jpg", "photos/deep/er/c.jpg"]),
        (["photos/?.[jP]*"], ["photos/a.PNG", "photos/b.jpg"]),
        (["photos/b.jpg", "photos"], ["photos/b.jpg", "photos/a.PNG", "photos/deep/er/c.jpg"]),
        (["gone.jpg", "no*thing"], ["gone.jpg", "no*thing"]),
    ],
    ids=["file", "folder", "pattern", "deep pattern", "letters", "each once", "nothing"],
)
def test_photographs_named(folder: Path, names: list[str], expected: list[str]) -> None:
    assert [photograph.name for photograph in photographs_named(names)] == expected


def test_photographs_named_by_an_absolute_pattern(folder: Path) -> None:
    (found,) = photographs_named([f"{folder}/photos/b*"])
    assert found.image == folder / "photos" / "b.jpg"


def test_photographs_named_like_a_pattern(folder: Path) -> None:
    (folder / "a[1].jpg").write_bytes(b"")
    assert [photograph.name for photograph in photographs_named(["a[1].jpg"])] == ["a[1].jpg"]


def test_photographs_named_by_a_folder_without_images(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"the folder empty has no file that is an image by its name"):
        photographs_named(["empty"])


def test_photographs_in_a_manifest_have_label_and_age(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, subjects=2, photos=1, age=["(0, 2)", None])
    first, second = photographs_in(manifest)
    assert (first.name, first.image, first.label, first.age) == ("0.jpg", tmp_path / "0.jpg", 0, "(0, 2)")
    assert (second.label, second.age) == (1, None)


def test_drawn_photographs_are_ten_of_both_labels_and_always_the_same() -> None:
    faces = drawn_photographs()
    assert [face.label for face in faces] == [0, 1] * 5
    assert faces == drawn_photographs()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b.jpg", "a b.jpg"),
        ("日本.jpg", "日本.jpg"),
        ("a\nb\x1b[31m", "a�b�[31m"),
        ("bad\udcff.jpg", "bad�.jpg"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
