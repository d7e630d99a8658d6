"""Probabilities of two or more classes as one array."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Probabilities = NDArray[np.float64]


def of_every_class(probabilities: ArrayLike) -> Probabilities:
    """Returns the probabilities `(n, classes)` for those of label 1 `(n,)`, or for themselves."""
    given = np.asarray(probabilities, dtype=np.float64)
    return np.stack([1 - given, given], axis=1) if given.ndim == 1 else given
