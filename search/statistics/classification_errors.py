"""Breaks the errors on a set of images down: by kind, threshold, stated probability, label and age group."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

THRESHOLD = 0.5
BINS = 10
ROC_POINTS = 200
CONFIDENCE = 0.95
UNKNOWN_AGE = "unknown"

_Labels = NDArray[np.int64]
_Probabilities = NDArray[np.float64]
_Mask = NDArray[np.bool_]


def break_down(
    labels: ArrayLike, probabilities: ArrayLike, ages: Sequence[str | None], class_names: Sequence[str]
) -> dict[str, Any]:
    """Returns the errors of a classifier of two classes as JSON values, None where a figure is undefined.

    `labels` are 0 or 1 `(n,)`, `probabilities` those of label 1, in [0, 1], `(n,)`; an image counts as
    label 1 from 0.5. `class_names` are in the order of the labels. `ages` names the age group of each image
    as in the data ("(25, 32)"), None or NA where it is unknown; `by_age` is empty where
    all are. All intervals are Wilson's (1927) at 95 % and take images as independent.

    `confusion` is [[tn, fp], [fn, tp]] with label 1 as positive. `roc` holds the rates at no more than 200
    thresholds, its lists None where only one label occurs. `calibration` has a row for each of ten bins of
    the probability, closed below; its error is the bins' mean distance of probability and share of label
    1, weighted by their images (expected calibration error, Naeini et al. 2015), and `brier` is the mean
    squared error of the probability.

    Raises ValueError where there is no image, where lengths differ, and where a label or a probability is
    out of range.
    """
    from sklearn.metrics import confusion_matrix  # slow: completion does without

    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    _require_fitting(labels, probabilities, ages)
    labels = labels.astype(np.int64)
    right = (probabilities >= THRESHOLD) == (labels == 1)
    return {
        "n": int(labels.size),
        **_accuracy(right),
        "confusion": confusion_matrix(labels, probabilities >= THRESHOLD, labels=[0, 1]).tolist(),
        "roc": _roc(labels, probabilities),
        "calibration": _calibration(labels, probabilities),
        "by_label": _by_label(labels, right, class_names),
        "by_age": _by_age(ages, right),
    }


def _accuracy(right: _Mask) -> dict[str, Any]:
    if not right.size:
        return {"accuracy": None, "interval": None}
    return {"accuracy": float(right.mean()), "interval": _wilson(right)}


def _wilson(hits: _Mask) -> list[float]:
    from scipy.stats import binomtest

    found = binomtest(int(hits.sum()), hits.size).proportion_ci(CONFIDENCE, method="wilson")
    return [float(found.low), float(found.high)]


def _roc(labels: _Labels, probabilities: _Probabilities) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score, roc_curve

    if np.unique(labels).size < 2:  # scikit-learn would warn, and give NaN
        return {"fpr": None, "tpr": None, "auc": None}
    fpr, tpr, _ = roc_curve(labels, probabilities)
    # both ends stay, so the curve still begins at (0, 0) and ends at (1, 1)
    kept = np.unique(np.linspace(0, fpr.size - 1, min(ROC_POINTS, fpr.size)).round().astype(np.int64))
    return {
        "fpr": fpr[kept].tolist(),
        "tpr": tpr[kept].tolist(),
        "auc": float(roc_auc_score(labels, probabilities)),
    }


def _calibration(labels: _Labels, probabilities: _Probabilities) -> dict[str, Any]:
    from sklearn.metrics import brier_score_loss

    # a probability of exactly 1 belongs to the last bin, not to an eleventh
    numbers = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    bins = [_bin(number, labels, probabilities, numbers == number) for number in range(BINS)]
    distances = [
        row["n"] * abs(row["mean_probability"] - row["share_of_label_1"]) for row in bins if row["n"]
    ]
    return {
        "bins": bins,
        "expected_calibration_error": math.fsum(distances) / labels.size,
        "brier": float(brier_score_loss(labels, probabilities, pos_label=1)),
    }


def _bin(number: int, labels: _Labels, probabilities: _Probabilities, inside: _Mask) -> dict[str, Any]:
    filled = bool(inside.any())
    return {
        "from": number / BINS,
        "to": (number + 1) / BINS,
        "n": int(inside.sum()),
        "mean_probability": float(probabilities[inside].mean()) if filled else None,
        "share_of_label_1": float(labels[inside].mean()) if filled else None,
        "interval": _wilson(labels[inside] == 1) if filled else None,
    }


def _by_label(labels: _Labels, right: _Mask, class_names: Sequence[str]) -> list[dict[str, Any]]:
    rows = [right[labels == label] for label in range(len(class_names))]
    return [
        {"label": label, "name": name, "n": int(hits.size), **_accuracy(hits)}
        for label, (name, hits) in enumerate(zip(class_names, rows, strict=True))
    ]


def _by_age(ages: Sequence[str | None], right: _Mask) -> list[dict[str, Any]]:
    if not any(isinstance(age, str) for age in ages):
        return []  # data that has no ages
    # pandas gives NA or NaN where no age is known
    names = np.array([age if isinstance(age, str) else UNKNOWN_AGE for age in ages])
    rows = {str(name): right[names == name] for name in sorted(np.unique(names).tolist(), key=_first_year)}
    return [{"age": name, "n": int(hits.size), **_accuracy(hits)} for name, hits in rows.items()]


def _first_year(age: str) -> tuple[float, str]:
    # as numbers: as text (100, 120) would come before (25, 32)
    number = re.search(r"\d+", age)
    return (float(number.group()) if number else math.inf, age)


def _require_fitting(labels: NDArray[Any], probabilities: _Probabilities, ages: Sequence[str | None]) -> None:
    if not (labels.ndim == probabilities.ndim == 1 and labels.size == probabilities.size == len(ages)):
        raise ValueError(
            "labels, probabilities and ages must be lists of the same length, "
            f"received shapes {labels.shape}, {probabilities.shape} and ({len(ages)},)"
        )
    if not labels.size:
        raise ValueError("a breakdown needs at least one image, received none")
    if not np.isin(labels, [0, 1]).all():
        raise ValueError(f"labels must be 0 or 1, received {np.unique(labels).tolist()}")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():  # NaN fails as well
        worst = probabilities[~((probabilities >= 0) & (probabilities <= 1))][0]
        raise ValueError(f"probabilities must lie in [0, 1], received {worst}")
