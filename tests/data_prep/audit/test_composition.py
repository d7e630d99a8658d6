from __future__ import annotations

from collections.abc import Callable

import pytest

from data_prep.audit.composition import classes, groups
from data_prep.manifest import Manifest

Make = Callable[..., Manifest]


@pytest.mark.parametrize(
    ("labels", "said", "warns"),
    [
        ([0] * 60 + [1] * 60, "cat 60 (50%), dog 60 (50%)", False),
        ([0] * 80 + [1] * 40, "the smallest has 40 images, too few", True),
        ([0] * 1000 + [1] * 60, "the largest has 17 times as many as the smallest", True),
    ],
)
def test_classes_are_counted_and_judged(
    made_manifest: Make, labels: list[int], said: str, warns: bool
) -> None:
    found = classes(made_manifest(subjects=len(labels), photos=1, label=labels))
    assert said in found.sentence
    assert found.warns is warns
    assert found.counts == {"cat": labels.count(0), "dog": labels.count(1)}


def test_many_classes_are_summed_up(made_manifest: Make) -> None:
    names = [f"kind {number}" for number in range(20)]
    made = made_manifest(subjects=1200, photos=1, class_names=names, label=[row % 20 for row in range(1200)])
    assert classes(made).sentence == "20, of 60 to 60 images"


def test_groups_are_counted_with_those_of_one_image(made_manifest: Make) -> None:
    found = groups(made_manifest(group_kind="user", subjects=30))
    assert found.sentence == "30 (each a user), of 3 to 3 images, median 3, 0 of one image"
    assert not found.warns


def test_unknown_groups_are_said_to_be_unknown(made_manifest: Make) -> None:
    assert groups(made_manifest(subject=None)).sentence.startswith("unknown: one person or thing may be")


def test_large_group_is_named(made_manifest: Make) -> None:
    found = groups(made_manifest(subject=["big"] * 20 + [str(row) for row in range(40)]))
    assert "the largest, big, has 33% of all images" in found.sentence
    assert found.warns


@pytest.mark.parametrize(("kind", "warns"), [("face", True), ("user", False)])
def test_groups_with_several_classes_contradict_where_they_are_of_one(
    made_manifest: Make, kind: str, warns: bool
) -> None:
    labels = [0] + [row // 3 % 2 for row in range(3, 62)]
    found = groups(made_manifest(subjects=20, label=labels[:60], group_kind=kind))
    assert found.counts["of_several_classes"] == len(found.groups) > 0
    assert found.warns is warns
    assert found.groups[0].says.startswith("group s")


def test_images_without_a_group_are_counted(made_manifest: Make) -> None:
    found = groups(made_manifest(subject=[None] * 10 + [str(row) for row in range(50)]))
    assert "10 images have none" in found.sentence
