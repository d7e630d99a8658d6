"""Softmax regression against scikit-learn's, whose model it is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from search.statistics.softmax_regression import SoftmaxRegression

LABELS = np.arange(300) % 3
FEATURES = np.random.default_rng(3).normal(size=(300, 8)) + np.eye(3, 8)[LABELS]


def test_fits_are_those_of_scikit_learn() -> None:
    theirs = LogisticRegression(C=0.1, max_iter=300, tol=1e-7).fit(FEATURES, LABELS)
    ours = SoftmaxRegression(iterations=300, tolerance=1e-6)
    ours.set_params(C=0.1).fit(FEATURES.astype(np.float32), LABELS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(FEATURES), theirs.predict_proba(FEATURES), atol=1e-3)


def test_a_second_fit_begins_where_the_first_ended() -> None:
    model = SoftmaxRegression(iterations=300, tolerance=1e-6)
    model.fit(FEATURES.astype(np.float32), LABELS)
    before = model.coef_.copy()
    model._limits["maxiter"] = 0
    model.fit(FEATURES.astype(np.float32), LABELS)
    np.testing.assert_allclose(model.coef_, before)


def test_classes_that_do_not_occur_have_no_probability() -> None:
    model = SoftmaxRegression(iterations=60, tolerance=1e-3)
    model.fit(FEATURES.astype(np.float32), 2 * LABELS)
    assert model.classes_.tolist() == [0, 2, 4]
    assert model.predict_proba(FEATURES).sum(1) == pytest.approx(np.ones(300))
