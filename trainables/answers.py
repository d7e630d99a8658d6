"""Answers in probabilities: the label that they say, by one rule for training, statistics and prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

THRESHOLD = 0.5


def predicted_labels(probabilities: ArrayLike) -> NDArray[np.int64]:
    """Returns the label `(n,)` that is said: of two classes label 1 above 0.5, else the likeliest.

    `probabilities` are those of label 1 `(n,)`, or of every label `(n, classes)`. Exactly 0.5, which a
    network says that has learnt nothing, is label 0, as for Keras' accuracy; of several likeliest the first
    counts.
    """
    given = np.asarray(probabilities)
    return (given > THRESHOLD if given.ndim == 1 else given.argmax(axis=1)).astype(np.int64)


def of_every_class(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Returns the probabilities `(n, classes)` for those of label 1 `(n,)`, or for themselves."""
    given = np.asarray(probabilities, dtype=np.float64)
    return np.stack([1 - given, given], axis=1) if given.ndim == 1 else given
