from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from data_prep.audit.suspects import COMPONENTS, counted_for, suspects, whitened
from data_prep.manifest import Manifest

Make = Callable[..., Manifest]


def features_of(labels: np.ndarray, apart: float) -> np.ndarray:
    """Returns 100 features of each row, whose classes lie `apart` in the first ten."""
    features = np.random.default_rng(0).normal(size=(labels.size, 100))
    features[:, :10] += apart * labels[:, None]
    return features


def test_counted_for_is_the_rule_of_confident_learning() -> None:
    # the mean probabilities of the classes among their own are 0.8 and 0.7
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.5, 0.5], [0.3, 0.7]])
    labels = np.array([0, 0, 1, 1, 1])
    assert counted_for(probabilities, labels).tolist() == [0, -1, 1, -1, 1]


def test_suspects_are_the_labels_that_were_swapped(made_manifest: Make) -> None:
    true = np.arange(200) % 2
    labels = true.copy()
    labels[[10, 51, 120]] ^= 1
    manifest = made_manifest(subjects=200, photos=1, label=labels)
    found = suspects(manifest, whitened(features_of(true, apart=2.0)), np.arange(200))
    assert {group.rows[0] for group in found.groups[:3]} == {10, 51, 120}
    assert found.sentence.startswith(f"{len(found.groups)} to look at; a linear classifier is right for 0.9")
    assert found.groups[0].says.startswith(("labelled dog (0.", "labelled cat (0."))


def test_no_suspects_are_named_where_the_features_tell_nothing(made_manifest: Make) -> None:
    labels = np.arange(200) % 2
    manifest = made_manifest(subjects=200, photos=1, label=labels)
    found = suspects(manifest, whitened(features_of(labels, apart=0.0)), np.arange(200))
    assert "which says more about the features than about the labels" in found.sentence
    assert not found.warns


@pytest.mark.parametrize("groups", [np.arange(40), np.arange(200) % 4], ids=["few pictures", "few groups"])
def test_suspects_are_not_looked_for_in_too_little(made_manifest: Make, groups: np.ndarray) -> None:
    labels = np.arange(groups.size) % 2
    manifest = made_manifest(subjects=groups.size, photos=1, label=labels)
    said = suspects(manifest, features_of(labels, apart=2.0), groups).sentence
    assert said.startswith("not looked for: that needs 50 pictures, and 5 of each class")


def test_whitened_features_have_one_variance_and_are_few() -> None:
    components = whitened(features_of(np.arange(400) % 2, apart=1.0))
    assert components.shape == (400, COMPONENTS)
    np.testing.assert_allclose(components.std(axis=0), 1, rtol=0.01)
    assert whitened(features_of(np.arange(40) % 2, apart=1.0)).shape == (40, 10)
