"""The rows that the pass after an epoch reads; Keras is not imported, so that a driver sizes packs."""

from __future__ import annotations

import numpy as np

# running averages of 0.99 a step at batch 32 weigh as many rows as an average over 6,368 of them
FEATURE_ROWS = 4096
IMAGE_ROWS = 512  # of images, which go through the whole backbone


def rows_of_pass(train: np.ndarray, most: int) -> np.ndarray:
    """Returns the rows of `train` that the pass reads: all, or `most` of them evenly spaced in their order.

    Manifests list one class after the other in many data sets, so that each gets its share.
    """
    ordered = np.sort(train)
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered)))
    return np.asarray(ordered[np.round(places).astype(np.int64)])
