"""Probabilities of two or more classes as one array, and the labels that they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

THRESHOLD = 0.5

Probabilities = NDArray[np.float64]


def of_every_class(probabilities: ArrayLike) -> Probabilities:
    """Returns the probabilities `(n, classes)` for those of label 1 `(n,)`, or for themselves."""
    given = np.asarray(probabilities, dtype=np.float64)
    return np.stack([1 - given, given], axis=1) if given.ndim == 1 else given


def predicted_labels(probabilities: ArrayLike) -> NDArray[np.int64]:
    """Returns the label `(n,)` that is said: of two classes label 1 from 0.5, else the likeliest."""
    given = np.asarray(probabilities, dtype=np.float64)
    return (given >= THRESHOLD if given.ndim == 1 else given.argmax(axis=1)).astype(np.int64)
