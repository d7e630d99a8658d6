from __future__ import annotations

import numpy as np
import pytest

from search.statistics.linear_classifier import (
    accuracies,
    in_few_directions,
    linear_classifier,
    most_frequent,
)


def data(classes: int, rows: int = 240, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = np.arange(rows) % classes
    centres = 2 * rng.normal(size=(classes, width))
    # of very different scales, as the features of a network are, and one that never changes
    features = (centres[labels] + rng.normal(size=(rows, width))) * np.geomspace(0.01, 100, width)
    features[:, 0] = 4.0
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
def test_linear_classifier_learns_classes_that_features_tell_apart(classes: int) -> None:
    features, labels = data(classes)
    model = linear_classifier(features[:160], labels[:160], seed=7)
    assert model.coefficients.shape == (1 if classes == 2 else classes, 12)
    found = model.classes_of(features[160:])
    assert accuracies(labels[160:], found)[0] > 0.9


def test_linear_classifier_chooses_a_strong_penalty_where_there_is_nothing_to_learn() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(120, 60)).astype(np.float32), np.arange(120) % 2
    assert linear_classifier(features, labels, seed=7).inverse_penalty <= 1e-3


def test_linear_classifier_is_the_same_every_time() -> None:
    features, labels = data(2)
    first, again = (linear_classifier(features, labels, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.coefficients, again.coefficients)


def test_most_frequent_is_the_first_of_several() -> None:
    assert most_frequent(np.array([2, 2, 1, 1, 0])) == 1


def test_accuracies_are_of_all_rows_and_the_mean_over_classes() -> None:
    assert accuracies(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])) == (0.75, 0.5)


@pytest.mark.parametrize(("rows", "directions"), [(6, 6), (40, 20)])
def test_features_wider_than_their_rows_are_fitted_in_as_many_directions(rows: int, directions: int) -> None:
    features = np.random.default_rng(0).normal(size=(rows, 20)).astype(np.float32)
    few, axes = in_few_directions(features)
    assert few.shape == (rows, directions)
    np.testing.assert_allclose(few @ axes, features, atol=1e-5)
    np.testing.assert_allclose(axes @ axes.T, np.eye(directions), atol=1e-5)  # the penalty is the same
