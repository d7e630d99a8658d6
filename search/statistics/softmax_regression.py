"""Softmax regression: the logistic regression of three or more classes, on large float32 features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[Any]
Labels = NDArray[np.integer[Any]]


class SoftmaxRegression:
    """The model of scikit-learn's LogisticRegression with `warm_start`: its objective, solver and names.

    Each fit begins where the one before ended, and takes at most so many `iterations`, or fewer where no
    gradient is above the `tolerance`. scikit-learn multiplies float32 features by float64 errors in an order
    that takes four times as long.
    """

    def __init__(self, *, iterations: int, tolerance: float) -> None:
        self._limits = {
            "maxiter": iterations,
            "gtol": tolerance,
            "ftol": 64 * np.finfo(float).eps,  # this and the next are what scikit-learn sets
            "maxls": 50,
        }
        self._inverse_penalty = 1.0
        self.coef_: Any = None
        self.intercept_: Any = None

    def set_params(self, *, C: float) -> SoftmaxRegression:  # noqa: N803 -- scikit-learn's name
        """Takes `C`, the inverse of the penalty, and returns itself."""
        self._inverse_penalty = C
        return self

    def fit(self, features: Features, labels: Labels) -> None:
        """Fits `labels` `(n,)` on `features` `(n, d)`, float32."""
        from scipy.optimize import minimize

        self.classes_, codes = np.unique(labels, return_inverse=True)
        shape = len(self.classes_), features.shape[1] + 1
        before = np.zeros(shape) if self.coef_ is None else np.c_[self.coef_, self.intercept_]
        found = minimize(
            _entropy_and_gradient,
            before.ravel(),
            args=(features, codes, 1 / (self._inverse_penalty * len(codes))),
            jac=True,
            method="L-BFGS-B",
            options=self._limits,
        )
        weights = found.x.reshape(shape)
        self.coef_, self.intercept_ = weights[:, :-1], weights[:, -1]

    def predict_proba(self, features: Features) -> NDArray[np.float64]:
        """Returns the probability of each class `(n, k)`."""
        from scipy.special import softmax

        found = softmax(features @ self.coef_.T.astype(np.float32) + self.intercept_, axis=1)
        return np.asarray(found, np.float64)


def _entropy_and_gradient(
    weights: NDArray[np.float64], features: Features, codes: Labels, penalty: float
) -> tuple[float, NDArray[np.float64]]:
    """Returns the mean cross-entropy with the `penalty`, and its gradient; the intercepts stand last."""
    from scipy.special import log_softmax

    by_class = weights.reshape(-1, features.shape[1] + 1)
    kernel, rows = by_class[:, :-1], np.arange(len(codes))
    logs = log_softmax(features @ kernel.T.astype(np.float32) + by_class[:, -1].astype(np.float32), axis=1)
    loss = -float(logs[rows, codes].mean(dtype=np.float64)) + penalty / 2 * float(np.square(kernel).sum())
    errors = np.exp(logs)
    errors[rows, codes] -= 1
    # features first: the product of a few rows with many columns is several times slower
    gradient = (features.T @ errors).T / len(codes) + penalty * kernel
    return loss, np.c_[gradient, errors.mean(0)].ravel()
