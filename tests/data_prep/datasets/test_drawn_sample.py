from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from data_prep.datasets.adience import load_adience
from data_prep.datasets.celeba import load_celeba
from data_prep.datasets.drawn_sample import draw_faces, draw_hair_sample, draw_sample
from data_prep.datasets.folder import load_folder
from data_prep.errors import InputError
from data_prep.image_check import check_images


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_sample(tmp_path_factory.mktemp("sample") / "s", photos=60, celeba_photos=40)


def content_of(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_sample_is_read_by_the_adience_loader(drawn: Path) -> None:
    labels = load_adience(drawn / "adience")
    table = labels.table
    assert (len(table), labels.dropped, labels.notes) == (60, {}, ())
    assert set(table["source"]) == {"sample"}
    assert table.groupby("fold")["label"].nunique().tolist() == [2] * 5
    assert not check_images(labels.root, table["path"].tolist()).bad


def test_sample_subjects_have_several_photos_in_one_fold(drawn: Path) -> None:
    by_subject = load_adience(drawn / "adience").table.groupby("subject")
    assert by_subject.ngroups == 19
    assert by_subject.size().max() > 2
    assert by_subject[["fold", "label", "age"]].nunique().max().max() == 1


def test_sample_is_read_by_the_celeba_loader(drawn: Path) -> None:
    labels = load_celeba(drawn / "celeba")
    assert set(labels.table["source"]) == {"sample"}
    assert labels.table["fold"].value_counts().to_dict() == {0: 32, 1: 4, 2: 4}
    assert len((drawn / "celeba" / "list_attr_celeba.txt").read_text().splitlines()[1].split()) == 40
    assert not check_images(labels.root, labels.table["path"].tolist()).bad


def test_sample_bytes_depend_on_the_seed_alone(drawn: Path, tmp_path: Path) -> None:
    assert content_of(draw_sample(tmp_path / "again", photos=60, celeba_photos=40)) == content_of(drawn)
    other = content_of(draw_sample(tmp_path / "other", photos=60, celeba_photos=40, seed=8))
    assert other != content_of(drawn)


def test_sample_pictures_are_small_colour_photographs(drawn: Path) -> None:
    with Image.open(next((drawn / "adience" / "aligned").rglob("*.jpg"))) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (120, 120))


def test_sample_in_place_is_used_again(drawn: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in drawn.rglob("*")}
    draw_sample(drawn, photos=60, celeba_photos=40)
    assert {path: path.stat().st_mtime_ns for path in drawn.rglob("*")} == before


def test_sample_of_other_size_is_not_mixed_in(drawn: Path) -> None:
    with pytest.raises(
        InputError, match=r"something else than this sample \(photos 61, celeba-photos 40, seed 7\)"
    ):
        draw_sample(drawn, photos=61, celeba_photos=40)


def test_sample_is_not_drawn_over_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(
        InputError, match=r"holds something else than this sample .*; choose an empty or a new folder"
    ):
        draw_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_sample_fills_an_empty_folder_and_leaves_no_other(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    draw_sample(tmp_path / "s", photos=40, celeba_photos=20)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["adience", "celeba"]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"photos": 39}, "--photos must be at least 40, received 39"),
        ({"celeba_photos": 0}, "--celeba-photos must be at least 20, received 0"),
    ],
)
def test_sample_has_a_least_size(tmp_path: Path, sizes: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        draw_sample(tmp_path / "s", **sizes)


def test_draw_faces_gives_both_labels_and_the_same_again() -> None:
    faces = draw_faces(4)
    assert [face.label for face in faces] == [0, 1, 0, 1]
    assert faces == draw_faces(4)
    assert faces != draw_faces(4, seed=8)


def test_hair_sample_has_as_many_faces_of_each_colour(tmp_path: Path) -> None:
    labels = load_folder(draw_hair_sample(tmp_path / "drawn", 4, photos=40))
    assert labels.class_names == ("black", "blond", "brown", "gray")
    assert labels.table["label"].value_counts().tolist() == [10] * 4
    assert set(labels.table["source"]) == {"sample"}


def test_hair_sample_is_used_again_and_not_mixed_with_another(tmp_path: Path) -> None:
    first = draw_hair_sample(tmp_path / "drawn", 3, photos=40)
    assert draw_hair_sample(tmp_path / "drawn", 3, photos=40) == first
    with pytest.raises(InputError, match=r"something else than this sample \(classes 2, photos 40, seed"):
        draw_hair_sample(tmp_path / "drawn", 2, photos=40)


def test_hair_sample_has_at_most_four_classes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--classes must be 2 to 4, the colours of hair, received 5"):
        draw_hair_sample(tmp_path / "drawn", 5, photos=40)
