"""Objectives: the figures by which configurations can be compared, and which way each is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainables.answers import predicted_labels
from trainables.trial import EpochMetrics, Figures, TrialResult

EPSILON = 1e-7  # Keras keeps probabilities that far from 0 and 1, whose logarithms are infinite


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The figure by which configurations are compared, and whether more of it is better.

    `mean_val_accuracy` is the epochs' mean, the report's; `best_val_accuracy` that of the best epoch; every
    other one is of the last epoch. Those of PROBABILITY_FIGURES are computed from the probabilities of the
    validation images.
    """

    metric: str = "mean_val_accuracy"
    mode: str = "max"

    @property
    def name(self) -> str:
        """What a person calls it."""
        return NAMES[self.metric]

    @property
    def short_name(self) -> str:
        """The head of a column with it."""
        return SHORT_NAMES.get(self.metric, self.name)

    @property
    def figure(self) -> str:
        """The figure that every epoch must carry for it, "" where accuracies are enough."""
        return self.metric if self.metric in PROBABILITY_FIGURES else ""

    @property
    def is_of_last_epoch(self) -> bool:
        """Whether it is a figure of the weights after the last epoch, and of no others."""
        return self.metric not in ("mean_val_accuracy", "best_val_accuracy")

    @property
    def worst(self) -> float:
        """The value of what has none, such as a trial that diverged at once."""
        return 0.0 if self.mode == "max" else _WORST_LOSS

    def of(self, result: TrialResult) -> float:
        """Returns the value of a trial, NaN without an epoch or where no epoch carries the figure."""
        return self._of(result.figures)

    def of_epochs(self, epochs: Sequence[EpochMetrics]) -> float:
        """Returns the value after these epochs; NaN as for `of`."""
        return self._of(Figures.of(epochs))

    def _of(self, figures: Figures | None) -> float:
        if figures is None:
            return math.nan
        value = getattr(figures.last if self.is_of_last_epoch else figures, self.metric)
        return math.nan if value is None else float(value)

    def better(self, one: float, other: float) -> float:
        """Returns the better of two values."""
        return max(one, other, key=self.gain)

    def gain(self, value: float) -> float:
        """Returns `value` so that more is better."""
        return value if self.mode == "max" else -value


NAMES = {
    "mean_val_accuracy": "mean validation accuracy",
    "val_accuracy": "validation accuracy of the last epoch",
    "best_val_accuracy": "validation accuracy of the best epoch",
    "balanced_accuracy": "balanced accuracy",
    "f1": "macro F1",
    "auc": "AUC, one against rest",
    "log_loss": "log loss",
}
SHORT_NAMES = {
    "mean_val_accuracy": "mean val acc",
    "val_accuracy": "val acc",
    "best_val_accuracy": "best val acc",
    "balanced_accuracy": "balanced acc",
    "auc": "AUC",
}
PROBABILITY_FIGURES = ("balanced_accuracy", "f1", "auc", "log_loss")
OBJECTIVE = Objective()
OBJECTIVES = {
    name: Objective(metric=name, mode="min" if name == "log_loss" else "max")
    for name in ("mean_val_accuracy", "val_accuracy", "best_val_accuracy", *PROBABILITY_FIGURES)
}
_WORST_LOSS = 1e9  # finite: Ray Tune refuses what is not


def with_figure(
    metrics: EpochMetrics, objective: Objective, labels: np.ndarray, probabilities: np.ndarray
) -> EpochMetrics:
    """Returns the epoch with the figure that `objective` needs, without it where that is undefined."""
    value = probability_figure(objective.figure, labels, probabilities)
    known: dict[str, Any] = {objective.figure: value if math.isfinite(value) else None}
    return replace(metrics, **known)


def probability_figure(name: str, labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns a figure of PROBABILITY_FIGURES by scikit-learn's definition.

    `labels` are those `(n,)`, `probabilities` those of label 1 `(n,)`, or of every
    label `(n, classes)`. F1 is the mean over the classes, the area under the ROC curve that of each class
    against the rest; a class that does not occur has no curve, and the area is NaN where only one occurs.
    """
    from sklearn import metrics  # slow, and of no use to the report's objective

    labels, given = np.asarray(labels).astype(int), np.asarray(probabilities, np.float64)
    said = predicted_labels(probabilities)
    match name:
        case "balanced_accuracy":
            # as balanced_accuracy_score, which warns of a class that is answered and does not occur
            recalls = metrics.recall_score(
                labels, said, labels=np.unique(labels), average=None, zero_division=0
            )
            return float(np.mean(recalls))
        case "f1":
            return float(metrics.f1_score(labels, said, average="macro", zero_division=0))
        case "auc":
            return _area(labels, given)
        case _:
            return cross_entropy(labels, given)


def _area(labels: np.ndarray, given: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    present = np.unique(labels)
    if present.size < 2:
        return math.nan
    if given.ndim == 1:
        return float(roc_auc_score(labels, given))
    # scikit-learn's own mean wants every class to occur, and sums of exactly 1
    return float(np.mean([roc_auc_score(labels == label, given[:, label]) for label in present]))


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the mean cross-entropy as Keras has it: of probabilities that keep EPSILON from 0 and 1.

    `labels` are those `(n,)`, `probabilities` those of label 1 `(n,)`, or of every label `(n, classes)`.
    """
    exact = probabilities.astype(np.float64)
    if exact.ndim == 2:
        # Keras divides by the sum, too
        ours = np.clip(exact / exact.sum(axis=1, keepdims=True), EPSILON, 1 - EPSILON)
        return float(-np.mean(np.log(ours[np.arange(len(labels)), labels.astype(int)])))
    kept = np.clip(exact, EPSILON, 1 - EPSILON)
    return float(-np.mean(np.where(labels == 1, np.log(kept), np.log(1 - kept))))
