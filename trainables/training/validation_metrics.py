"""Loss and accuracy of probabilities, as Keras computes them."""

from __future__ import annotations

import numpy as np

VALIDATION_BATCH = 512  # rows of features that a network judges at once
_EPSILON = 1e-7  # Keras keeps probabilities that far from 0 and 1


def share_right(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the share of rows whose answer is their label, in float32 as Keras' accuracy is.

    `labels` are those `(n,)`, `probabilities` those of label 1 `(n,)`, or of every label `(n, classes)`.
    """
    right = _said(probabilities) == labels
    return float(right.sum(dtype=np.float32) / np.float32(len(right)))


def is_one_class(probabilities: np.ndarray) -> bool:
    """Returns whether all rows get one class; `probabilities` are as for `share_right`."""
    said = _said(probabilities)
    return bool((said == said[0]).all())


def _said(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.argmax(axis=1) if probabilities.ndim == 2 else (probabilities > 0.5).astype(int)


def validation_figures(labels: np.ndarray, probabilities: np.ndarray, penalty: float) -> dict[str, float]:
    """Returns `val_loss` (cross-entropy plus `penalty`) and `val_accuracy`.

    `labels` are those `(n,)`, `probabilities` those of label 1 `(n,)`, or of every label `(n, classes)`.
    """
    if probabilities.ndim == 2:
        exact = probabilities.astype(np.float64)
        ours = np.clip(exact / exact.sum(axis=1, keepdims=True), _EPSILON, 1 - _EPSILON)
        entropy = -np.mean(np.log(ours[np.arange(len(labels)), labels.astype(int)]))
        accuracy = np.mean(probabilities.argmax(axis=1) == labels)
        return {"val_loss": float(entropy) + penalty, "val_accuracy": float(accuracy)}
    kept = np.clip(probabilities.astype(np.float64), _EPSILON, 1 - _EPSILON)
    entropy = -np.mean(np.where(labels == 1, np.log(kept), np.log(1 - kept)))
    accuracy = np.mean((probabilities > 0.5) == (labels == 1))
    return {"val_loss": float(entropy) + penalty, "val_accuracy": float(accuracy)}
