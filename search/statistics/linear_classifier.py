"""A linear classifier on cached features: the baseline that a trained head has to be better than."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.statistics.softmax_regression import SoftmaxRegression

Features = NDArray[Any]
Labels = NDArray[np.integer[Any]]

# of the inverse of the penalty, the strongest first; features are standardised, so one list serves all
PATH = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FEW_VALUES = 4_000_000  # of a training part: up to as many its rows are cut in five to choose by, else once
CUTS = 5
_ITERATIONS = 60
_TOLERANCE = 1e-3
_ENOUGH = 1.02  # times the smallest loss: a path that has risen so far does not fall again


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """A logistic regression on features: `coefficients` `(k, d)` and `intercepts` `(k,)`, k 1 of two classes.

    They are for features as they are cached: the standardisation is folded in. `inverse_penalty` is the one
    chosen.
    """

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    inverse_penalty: float

    def probabilities_of(self, features: Features) -> NDArray[np.float64]:
        """Returns the probability of label 1 `(n,)`, or of each of three or more classes `(n, k)`."""
        from scipy.special import expit, softmax  # slow: completion does without

        scores = self._scores(features)
        found = expit(scores[:, 0]) if scores.shape[1] == 1 else softmax(scores, axis=1)
        return np.asarray(found, np.float64)

    def _scores(self, features: Features) -> NDArray[Any]:
        found = np.asarray(features, np.float32) @ self.coefficients.T.astype(np.float32) + self.intercepts
        return np.asarray(found)

    def classes_of(self, features: Features) -> NDArray[np.int64]:
        """Returns the class, from 0, of each row of `features` `(n, d)`."""
        scores = self._scores(features)
        return (scores[:, 0] > 0).astype(np.int64) if scores.shape[1] == 1 else scores.argmax(1)


def most_frequent(labels: Labels) -> int:
    """Returns the class that is the most frequent in `labels`, of several the first."""
    return int(np.bincount(labels).argmax())


def accuracies(labels: Labels, found: Labels) -> tuple[float, float]:
    """Returns the share of `labels` that were `found`, and its mean over the classes (balanced accuracy)."""
    right = labels == found
    return float(right.mean()), float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def linear_classifier(features: Features, labels: Labels, *, seed: int) -> LinearClassifier:
    """Returns the logistic regression of `labels` `(n,)`, from 0, on `features` `(n, d)`.

    Features are standardised. The penalty is chosen along a path within these rows, each fit begun with the
    one before (Friedman et al. 2010), by the log loss on rows that a stratified cut with `seed` keeps apart.
    """
    from sklearn.model_selection import StratifiedKFold  # slow: completion does without

    features = np.asarray(features, np.float32)
    mean, scale = features.mean(0), features.std(0)
    scale[scale < 1e-6] = 1.0  # a feature that never changes says nothing, whatever it is divided by
    standard, directions = in_few_directions((features - mean) / scale)
    # scikit-learn warns of more folds than a class has rows
    folds = max(2, min(CUTS, int(np.bincount(labels)[np.unique(labels)].min())))
    cuts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(standard, labels))
    losses, last = _losses(standard, labels, cuts if standard.size <= FEW_VALUES else cuts[:1])
    best = PATH[int(np.argmin(losses))]
    if isinstance(last, SoftmaxRegression):  # its steps cost more: it goes on from where a cut's ended
        model, first = last, PATH.index(best)
    else:
        model, first = _model(labels), 0
    for inverse_penalty in PATH[first : PATH.index(best) + 1]:
        _fit(model, inverse_penalty, standard, labels)
    coefficients = (model.coef_.astype(np.float64) @ directions) / scale
    return LinearClassifier(coefficients, model.intercept_ - coefficients @ mean, best)


def in_few_directions(features: Features) -> tuple[Features, Features]:
    """Returns `features` in as many directions as they have rows, where these are fewer, and the directions.

    With a penalty on squares no coefficient leaves the rows' span, so that the fit is the same and quicker.
    """
    rows, columns = features.shape
    if rows >= columns:
        return features, np.eye(columns, dtype=features.dtype)
    left, sizes, directions = np.linalg.svd(features, full_matrices=False)
    return left * sizes, directions


def _losses(
    features: Features, labels: Labels, cuts: Sequence[tuple[Labels, Labels]]
) -> tuple[list[float], Any]:
    """Returns the mean log loss over the cuts along PATH until it has risen, and a cut's last model."""
    from sklearn.metrics import log_loss

    models = [_model(labels) for _ in cuts]
    losses: list[float] = []
    for inverse_penalty in PATH:
        of_cuts = []
        for model, (fitted, kept) in zip(models, cuts, strict=True):
            _fit(model, inverse_penalty, features[fitted], labels[fitted])
            # the rows kept apart may lack a rare class
            of_cuts.append(log_loss(labels[kept], model.predict_proba(features[kept]), labels=model.classes_))
        losses.append(float(np.mean(of_cuts)))
        if losses[-1] > _ENOUGH * min(losses):
            break
    return losses, models[0]


def _model(labels: Labels) -> Any:
    from sklearn.linear_model import LogisticRegression

    if np.unique(labels).size > 2:
        return SoftmaxRegression(iterations=_ITERATIONS, tolerance=_TOLERANCE)
    return LogisticRegression(warm_start=True, max_iter=_ITERATIONS, tol=_TOLERANCE)


def _fit(model: Any, inverse_penalty: float, features: Features, labels: Labels) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # the last steps of a fit change no class
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(C=inverse_penalty).fit(features, labels)
