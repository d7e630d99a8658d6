"""Loss and accuracy of probabilities, as Keras computes them."""

from __future__ import annotations

import numpy as np

from trainables.answers import predicted_labels
from trainables.objective import cross_entropy

VALIDATION_BATCH = 512  # rows of features that a network judges at once


def share_right(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the share of rows whose answer is their label, in float32 as Keras' accuracy is.

    `labels` are those `(n,)`, `probabilities` those of label 1 `(n,)`, or of every label `(n, classes)`.
    """
    right = predicted_labels(probabilities) == labels
    return float(right.sum(dtype=np.float32) / np.float32(len(right)))


def is_one_class(probabilities: np.ndarray) -> bool:
    """Returns whether all rows get one class; `probabilities` are as for `share_right`."""
    said = predicted_labels(probabilities)
    return bool((said == said[0]).all())


def validation_figures(labels: np.ndarray, probabilities: np.ndarray, penalty: float) -> dict[str, float]:
    """Returns `val_loss` (cross-entropy plus `penalty`) and `val_accuracy`.

    `labels` are those `(n,)`, `probabilities` those of label 1 `(n,)`, or of every label `(n, classes)`.
    """
    accuracy = np.mean(predicted_labels(probabilities) == labels)
    return {"val_loss": cross_entropy(labels, probabilities) + penalty, "val_accuracy": float(accuracy)}
