"""Mistakes to look at: the pictures that a classifier is most wrong about, and its worst groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainables.answers import of_every_class, predicted_labels

MOST = 48  # pictures: a page of them
MOST_OF_A_CLASS = 8
MOST_GROUPS = 10


def most_wrong(labels: ArrayLike, probabilities: ArrayLike, groups: ArrayLike) -> list[dict[str, Any]]:
    """Returns the images that are most wrong, class after class, the worst of each first.

    `labels` and `probabilities` are as for `classification_errors.break_down`, `groups` `(n,)` are those of
    the images. Each has its `place` among them, its `label`, the one that is `said`, the `probability` of
    that and the one `of_its_class`: the less, the worse. A class has up to MOST_OF_A_CLASS, fewer where all
    would be more than MOST, and one of each group, which would fill the page else.
    """
    labels, every = np.asarray(labels).astype(int), of_every_class(probabilities)
    said, of_truth = predicted_labels(probabilities), every[np.arange(labels.size), labels]
    wrong = np.flatnonzero(said != labels)
    worst_first = wrong[np.argsort(of_truth[wrong], kind="stable")]
    found = _of_each_class(labels[worst_first], np.asarray(groups)[worst_first])
    # the worst first again, before what is over MOST is cut
    kept = worst_first[np.sort(np.asarray(found, dtype=int))[:MOST]]
    return [
        {
            "place": int(place),
            "label": int(labels[place]),
            "said": int(said[place]),
            "probability": float(every[place, said[place]]),
            "of_its_class": float(of_truth[place]),
        }
        for place in kept[np.argsort(labels[kept], kind="stable")]
    ]


def _of_each_class(labels: np.ndarray, groups: np.ndarray) -> list[int]:
    classes = np.unique(labels)
    each = max(1, min(MOST_OF_A_CLASS, MOST // max(1, classes.size)))
    found: list[int] = []
    for label in classes:
        places = np.flatnonzero(labels == label)
        _, firsts = np.unique(groups[places], return_index=True)  # the first of each group is its worst
        found += places[np.sort(firsts)[:each]].tolist()
    return found


def groups_most_wrong(right: ArrayLike, names: Sequence[str | None]) -> list[dict[str, Any]]:
    """Returns the groups with the most images that are not `right`, from two on, the worst first.

    `names` are those of the groups, None where an image has none.
    """
    images, wrong = Counter[str](), Counter[str]()
    for name, is_right in zip(names, np.asarray(right), strict=True):
        if name is not None:
            images[name] += 1
            wrong[name] += not is_right
    worst = sorted(wrong, key=lambda name: (-wrong[name], images[name], name))[:MOST_GROUPS]
    return [{"group": name, "n": images[name], "wrong": wrong[name]} for name in worst if wrong[name] > 1]
