"""Breaks the errors on a set of images down: by kind, threshold, stated probability, label and age group."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.statistics.group_bootstrap import interval_of_share, intervals_of_ratios
from trainables.answers import predicted_labels

BINS = 10
ROC_POINTS = 200
CONFIDENCE = 0.95
UNKNOWN_AGE = "unknown"
MOST_CURVES = 10  # classes with a ROC curve of their own: more could not be told apart
MOST_IN_MATRIX = 100  # classes; of more, the worst pairs alone are kept
WORST_PAIRS = 20

_Labels = NDArray[np.int64]
_Probabilities = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_Groups = NDArray[np.int64] | None


def break_down(
    labels: ArrayLike,
    probabilities: ArrayLike,
    ages: Sequence[str | None],
    class_names: Sequence[str],
    *,
    ordered: bool = False,
    groups: ArrayLike | None = None,
) -> dict[str, Any]:
    """Returns the errors of a classifier as JSON values, None where a figure is undefined.

    `labels` are those `(n,)`, `probabilities` those of label 1 `(n,)` for two classes, where an image counts
    as label 1 above 0.5, else of every label `(n, classes)`, where the likeliest counts. `class_names` are in
    the order of the labels. `ages` names the age group of each image as in the data ("(25, 32)"), None or NA
    where it is unknown; `by_age` is empty where all are. All intervals are Wilson's (1927) at 95 % and take
    images as independent; with the `groups` of the images `(n,)` those of accuracies take the images of one
    as correlated (`search.statistics.group_bootstrap`), and `groups` is their number.

    `confusion` has a row for each class and a column for each prediction, for two classes [[tn, fp], [fn,
    tp]] with label 1 as positive, and is None for more than 100 classes; `worst_pairs` are the commonest
    mistakes. `roc` holds the rates at no more than 200 thresholds, its lists None where only one label
    occurs; for more than two classes it is one against the rest for each of the first ten, and `auc` the
    classes' mean. `calibration` has a row for each of ten bins of the probability, closed below; its error is
    the bins' mean distance of probability and share of label 1, weighted by their images (expected
    calibration error, Naeini et al. 2015), and `brier` is the mean squared error of the probability. For more
    than two classes the probability is that of the likeliest, and the share that of the right ones.
    The intervals of precision, recall and F1 draw groups, or single images where none are given.
    `balanced_accuracy` is the classes' mean recall, `macro_f1` their mean F1, as in scikit-learn. Of
    `ordered` classes `one_off` is the share of images at most one class away, and `mean_absolute_error` is in
    classes.

    Raises ValueError where there is no image, where lengths differ, and where a label or a probability is
    out of range.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    _require_fitting(labels, probabilities, ages, len(class_names))
    labels = labels.astype(np.int64)
    said = predicted_labels(probabilities)
    two = probabilities.ndim == 1
    drawn = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    by_label = _by_label(labels, said, class_names, drawn)
    return {
        "n": int(labels.size),
        **({} if drawn is None else {"groups": int(drawn.max()) + 1}),
        **_accuracy(said == labels, drawn),
        **_means(by_label),
        "confusion": _confusion(labels, said, len(class_names)),
        **({} if two else {"worst_pairs": _worst_pairs(labels, said, class_names)}),
        **(_distances(labels, said) if ordered else {}),
        "roc": (_roc if two else _roc_of_classes)(labels, probabilities),
        "calibration": _calibration(labels, probabilities),
        "by_label": by_label,
        "by_age": _by_age(ages, said == labels, drawn),
    }


def calibration_error(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Returns the expected calibration error, as in `break_down`."""
    found = _calibration(np.asarray(labels, np.int64), np.asarray(probabilities, np.float64))
    return float(found["expected_calibration_error"])


def _accuracy(right: _Mask, groups: _Groups, rows: _Mask | None = None) -> dict[str, Any]:
    """Returns the share that is right of all images, or of those in `rows`, with its interval."""
    rows = np.ones_like(right) if rows is None else rows
    hits = right[rows]
    if not hits.size:
        return {"accuracy": None, "interval": None}
    interval = _wilson(hits) if groups is None else list(interval_of_share(hits, groups[rows]))
    return {"accuracy": float(hits.mean()), "interval": interval}


def _wilson(hits: _Mask) -> list[float]:
    from scipy.stats import binomtest

    found = binomtest(int(hits.sum()), hits.size).proportion_ci(CONFIDENCE, method="wilson")
    return [float(found.low), float(found.high)]


def _means(by_label: Sequence[dict[str, Any]]) -> dict[str, float]:
    # of the classes that occur: scikit-learn's balanced accuracy leaves the others out, too
    present = [row for row in by_label if row["n"]]
    return {
        "balanced_accuracy": math.fsum(row["recall"] for row in present) / len(present),
        "macro_f1": math.fsum(row["f1"] for row in present) / len(present),
    }


def _confusion(labels: _Labels, said: _Labels, classes: int) -> list[list[int]] | None:
    from sklearn.metrics import confusion_matrix  # slow: completion does without

    if classes > MOST_IN_MATRIX:
        return None
    return [list(map(int, row)) for row in confusion_matrix(labels, said, labels=range(classes))]


def _worst_pairs(labels: _Labels, said: _Labels, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the commonest mistakes, each with its share of the images of its class."""
    wrong = labels != said
    pairs, counts = np.unique(np.stack([labels[wrong], said[wrong]], axis=1), axis=0, return_counts=True)
    commonest = np.argsort(-counts, kind="stable")[:WORST_PAIRS]
    return [
        {
            "class": class_names[label],
            "predicted": class_names[other],
            "n": int(count),
            "share": float(count / (labels == label).sum()),
        }
        for (label, other), count in zip(pairs[commonest], counts[commonest], strict=True)
    ]


def _distances(labels: _Labels, said: _Labels) -> dict[str, Any]:
    distance = np.abs(labels - said)
    return {
        "one_off": float((distance <= 1).mean()),
        "one_off_interval": _wilson(distance <= 1),
        "mean_absolute_error": float(distance.mean()),
    }


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


def _roc_of_classes(labels: _Labels, probabilities: _Probabilities) -> dict[str, Any]:
    against_rest = [
        {"label": label, **_roc((labels == label).astype(np.int64), probabilities[:, label])}
        for label in range(probabilities.shape[1])
    ]
    known = [found["auc"] for found in against_rest if found["auc"] is not None]
    return {"auc": math.fsum(known) / len(known) if known else None, "by_label": against_rest[:MOST_CURVES]}


def _calibration(labels: _Labels, probabilities: _Probabilities) -> dict[str, Any]:
    two = probabilities.ndim == 1
    stated = probabilities if two else probabilities.max(axis=1)
    happened = labels == (1 if two else predicted_labels(probabilities))
    share = "share_of_label_1" if two else "share_right"
    # a probability of exactly 1 belongs to the last bin, not to an eleventh
    numbers = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    bins = [_bin(number, happened, stated, numbers == number, share) for number in range(BINS)]
    distances = [row["n"] * abs(row["mean_probability"] - row[share]) for row in bins if row["n"]]
    return {
        "bins": bins,
        "expected_calibration_error": math.fsum(distances) / labels.size,
        "brier": _brier(labels, probabilities),
    }


def _brier(labels: _Labels, probabilities: _Probabilities) -> float:
    from sklearn.metrics import brier_score_loss

    if probabilities.ndim == 1:
        return float(brier_score_loss(labels, probabilities, pos_label=1))
    truth = np.eye(probabilities.shape[1])[labels]
    return float(np.square(probabilities - truth).sum(axis=1).mean())


def _bin(number: int, happened: _Mask, stated: _Probabilities, inside: _Mask, share: str) -> dict[str, Any]:
    filled = bool(inside.any())
    return {
        "from": number / BINS,
        "to": (number + 1) / BINS,
        "n": int(inside.sum()),
        "mean_probability": float(stated[inside].mean()) if filled else None,
        share: float(happened[inside].mean()) if filled else None,
        "interval": _wilson(happened[inside]) if filled else None,
    }


def _by_label(
    labels: _Labels, said: _Labels, class_names: Sequence[str], groups: _Groups
) -> list[dict[str, Any]]:
    from sklearn.metrics import precision_recall_fscore_support

    numbers = range(len(class_names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that nothing is said to be: its precision counts as 0
        found = precision_recall_fscore_support(labels, said, labels=numbers, zero_division=0.0)
    intervals = _intervals_of_classes(labels, said, len(class_names), groups)
    return [
        {
            "label": label,
            "name": class_names[label],
            "n": int(count),
            **_accuracy(said == label, groups, labels == label),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            **{f"{name}_interval": of_classes[label] for name, of_classes in intervals.items()},
        }
        for label, (precision, recall, f1, count) in enumerate(zip(*found, strict=True))
    ]


def _intervals_of_classes(
    labels: _Labels, said: _Labels, classes: int, groups: _Groups
) -> dict[str, list[list[float] | None]]:
    """Returns the intervals of precision, recall and F1 of each class; none for more than MOST_IN_MATRIX."""
    if classes > MOST_IN_MATRIX:  # the drawings of each would take minutes
        return {}
    numbers = np.arange(classes)
    is_of, is_said = labels[:, None] == numbers, said[:, None] == numbers
    right = is_of & is_said
    above = np.concatenate([right, right, 2 * right], axis=1)
    below = np.concatenate([is_said, is_of, is_said.astype(int) + is_of], axis=1)
    found = intervals_of_ratios(above, below, np.arange(labels.size) if groups is None else groups)
    listed = [None if interval is None else list(interval) for interval in found]
    starts = {"precision": 0, "recall": classes, "f1": 2 * classes}
    return {name: listed[start : start + classes] for name, start in starts.items()}


def _by_age(ages: Sequence[str | None], right: _Mask, groups: _Groups) -> list[dict[str, Any]]:
    if not any(isinstance(age, str) for age in ages):
        return []  # data that has no ages
    # pandas gives NA or NaN where no age is known
    names = np.array([age if isinstance(age, str) else UNKNOWN_AGE for age in ages])
    rows = {str(name): names == name for name in sorted(np.unique(names).tolist(), key=_first_year)}
    return [
        {"age": name, "n": int(inside.sum()), **_accuracy(right, groups, inside)}
        for name, inside in rows.items()
    ]


def _first_year(age: str) -> tuple[float, str]:
    # as numbers: as text (100, 120) would come before (25, 32)
    number = re.search(r"\d+", age)
    return (float(number.group()) if number else math.inf, age)


def _require_fitting(
    labels: NDArray[Any], probabilities: _Probabilities, ages: Sequence[str | None], classes: int
) -> None:
    shape = (labels.size,) if classes == 2 else (labels.size, classes)
    if not (labels.ndim == 1 and probabilities.shape == shape and labels.size == len(ages)):
        raise ValueError(
            "labels, probabilities and ages must be lists of the same length, "
            f"received shapes {labels.shape}, {probabilities.shape} and ({len(ages)},) for {classes} classes"
        )
    if not labels.size:
        raise ValueError("a breakdown needs at least one image, received none")
    if not np.isin(labels, range(classes)).all():
        allowed = "0 or 1" if classes == 2 else f"0 to {classes - 1}"
        raise ValueError(f"labels must be {allowed}, received {np.unique(labels).tolist()}")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():  # NaN fails as well
        worst = probabilities[~((probabilities >= 0) & (probabilities <= 1))][0]
        raise ValueError(f"probabilities must lie in [0, 1], received {worst}")
