"""The pictures that a classifier is most wrong about, and its worst groups."""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.mistakes import MOST, groups_most_wrong, most_wrong


def places(labels: list[int], probabilities: object, groups: object = None) -> list[int]:
    alone = np.arange(len(labels)) if groups is None else groups
    return [found["place"] for found in most_wrong(labels, np.asarray(probabilities), alone)]


def test_images_that_are_right_are_left_out_and_the_worst_of_each_class_is_first() -> None:
    labels = [0, 0, 0, 1, 1, 1]
    assert places(labels, [0.6, 0.9, 0.2, 0.4, 0.1, 0.7]) == [1, 0, 4, 3]


def test_picture_has_what_was_said_and_both_probabilities() -> None:
    (found,) = most_wrong([0, 2], np.array([[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]]), [0, 1])
    assert found == {
        "place": 0,
        "label": 0,
        "said": 1,
        "probability": pytest.approx(0.7),
        "of_its_class": pytest.approx(0.1),
    }


@pytest.mark.parametrize("stated", [[0.1, 0.9], [[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]])
def test_classifier_that_is_always_right_has_no_picture(stated: object) -> None:
    assert places([0, 1], stated) == []


def test_exactly_one_half_is_label_0() -> None:
    assert places([1, 0], [0.5, 0.5]) == [0]


def test_group_has_its_worst_picture_of_a_class_alone() -> None:
    labels, stated = [0, 0, 0, 1], [0.7, 0.9, 0.8, 0.1]
    assert places(labels, stated, ["ann", "ann", "bob", "ann"]) == [1, 2, 3]


@pytest.mark.parametrize(("classes", "each"), [(2, 8), (5, 8), (12, 4), (40, 1)])
def test_classes_share_a_page(classes: int, each: int) -> None:
    labels = [number % classes for number in range(20 * classes)]
    wrong = np.eye(classes)[[(label + 1) % classes for label in labels]]
    found = most_wrong(labels, wrong if classes > 2 else wrong[:, 1], np.arange(len(labels)))
    assert [picture["label"] for picture in found] == [label for label in range(classes) for _ in range(each)]


def test_more_classes_than_a_page_holds_have_the_worst_of_all() -> None:
    labels = list(range(100))
    stated = np.full((100, 100), 0.0)
    for label in labels:
        stated[label, label], stated[label, (label + 1) % 100] = label / 300, 1 - label / 300
    assert places(labels, stated) == list(range(MOST))


def test_groups_with_the_most_mistakes_are_named() -> None:
    names = ["ann"] * 4 + ["bob"] * 2 + ["cid"] * 3 + [None] * 3
    right = [False, False, False, True, False, False, False, False, True, False, False, False]
    assert groups_most_wrong(right, names) == [
        {"group": "ann", "n": 4, "wrong": 3},
        {"group": "bob", "n": 2, "wrong": 2},
        {"group": "cid", "n": 3, "wrong": 2},
    ]


def test_single_mistakes_name_no_group() -> None:
    assert groups_most_wrong([False, True], ["ann", "bob"]) == []
