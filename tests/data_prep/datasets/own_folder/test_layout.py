from __future__ import annotations

import pytest

from data_prep.datasets.own_folder.layout import Layout, layout_of
from data_prep.errors import InputError

CAT, DOG = "cat/1.jpg", "dog/trip/2.jpg"


def read(*paths: str, named: tuple[str, ...] | None = None) -> Layout:
    return layout_of([path.split("/") for path in paths], named=named)


def below(*folders: str) -> list[str]:
    return [f"{folder}/{path}" for folder in folders for path in (CAT, DOG)]


def test_layout_of_class_folders() -> None:
    layout = read(CAT, DOG, "3.jpg")
    assert layout == Layout()
    assert [layout.class_of(path.split("/")) for path in (CAT, DOG, "3.jpg")] == ["cat", "dog", None]


@pytest.mark.parametrize("above", ["photos", "data/photos"])
def test_layout_sees_one_folder_too_many_and_says_so(above: str) -> None:
    layout = read(*below(above))
    assert layout.above == tuple(above.split("/"))
    assert layout.class_of([*layout.above, "cat", "1.jpg"]) == "cat"
    assert f"looked for in {above}, the only folder with images" in "".join(layout.notes())


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "validation"), ["train", "validation"]),
        (("Training", "val", "TEST"), ["train", "validation", "test"]),
        (("data/train", "data/dev"), ["train", "validation"]),
    ],
)
def test_layout_of_a_given_split(folders: tuple[str, ...], parts: list[str]) -> None:
    layout = read(*below(*folders))
    assert [layout.partition_of(f"{folder}/{CAT}".split("/")) for folder in folders] == parts
    assert [layout.class_of(f"{folder}/{DOG}".split("/")) for folder in folders] == ["dog"] * len(folders)
    assert "--split given" in "".join(layout.notes())


def test_layout_of_classes_whose_folders_share_one_name() -> None:
    assert read("cat/paris/1.jpg", "dog/paris/2.jpg", "dog/rome/3.jpg") == Layout()


def test_layout_of_a_class_that_is_called_train() -> None:
    assert read("train/1.jpg", "plane/2.jpg") == Layout()


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["train/1.jpg", "test/2.jpg"], "test, train are parts of a split, and no folders of classes are in"),
        (
            [*below("train", "test"), "extra/cat/1.jpg"],
            "test, train are parts of a split, and extra lies beside",
        ),
        (
            below("2020", "2021"),
            "of the folders 2020, 2021 hold cat, dog, as if there were one folder too many",
        ),
        (
            [*below("2020", "2021"), "2021/bird/1.jpg"],
            "2020, 2021 hold cat, dog, as if there were one folder",
        ),
        (["cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg"], "cat, dog hold test, train, the parts of"),
    ],
)
def test_layout_refuses_what_is_above_the_classes(paths: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(*paths)


def test_layout_takes_the_classes_that_the_user_names() -> None:
    assert read(*below("2020", "2021"), named=("2020", "2021")) == Layout()
    assert read(*below("train", "test"), named=("train", "test")) == Layout()
