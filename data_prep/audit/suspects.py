"""Suspects of wrong labels: a linear classifier, asked of pictures it has not seen, firmly disagrees.

The rule is that of confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating
Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70): a picture counts for a class
where its probability is at least the mean probability of that class among the pictures labelled so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data_prep.audit.finding import Finding, Pictures
from data_prep.manifest import Manifest

FOLDS, SEED = 5, 7
COMPONENTS = 64  # on 400 faces with 5 % wrong labels 32 and 64 caught as many as all 1,280, with fewer others
C = 0.01  # of whitened features; at 1 half as many of the suspects were wrong labels
MOST_DISPUTED = 0.25  # of the pictures that count for a class
LEAST_PICTURES = 50

Features = npt.NDArray[np.floating]
Probabilities = npt.NDArray[np.float64]


def whitened(features: Features) -> Features:
    """Returns the first COMPONENTS principal components of standardised `features`, each of variance 1."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    values = StandardScaler().fit_transform(np.asarray(features, dtype=np.float32))
    # no more than a quarter of the rows: with as many as rows all are equally far from each other
    count = min(COMPONENTS, len(values) // 4, values.shape[1])
    components: Features = PCA(count, whiten=True, random_state=SEED).fit_transform(values)
    return components


def suspects(manifest: Manifest, components: Features, groups: npt.NDArray[np.integer]) -> Finding:
    """Returns the finding on labels that out-of-fold predictions on `components` firmly disagree with.

    Rows of one number in `groups` `(n,)` are never on both sides.
    """
    labels = manifest.table["label"].to_numpy(dtype=np.int64)
    least = min(np.unique(groups[labels == label]).size for label in range(len(manifest.class_names)))
    if len(labels) < LEAST_PICTURES or least < FOLDS:
        return _finding(
            f"not looked for: that needs {LEAST_PICTURES} pictures, and {FOLDS} of each class that are "
            "neither alike nor of one group"
        )
    return _judged(manifest, labels, _out_of_fold(components, labels, groups))


def _judged(manifest: Manifest, labels: npt.NDArray[np.int64], probabilities: Probabilities) -> Finding:
    counted = counted_for(probabilities, labels)
    disputed = np.flatnonzero((counted >= 0) & (counted != labels))
    share = disputed.size / max(1, int((counted >= 0).sum()))
    right = float((probabilities.argmax(axis=1) == labels).mean())
    said = f"a linear classifier is right for {right:.2f} of the pictures that it has not seen"
    if share > MOST_DISPUTED:
        return _finding(
            f"none named: {said}, and disputes {share:.0%} of the labels that it is sure about, which says "
            "more about the features than about the labels"
        )
    margins = probabilities.max(axis=1) - probabilities[np.arange(labels.size), labels]
    ordered = disputed[np.argsort(-margins[disputed], kind="stable")]
    told = [_told(manifest, int(row), probabilities[row], int(counted[row])) for row in ordered]
    return _finding(f"{len(told):,} to look at; {said}", told)


def counted_for(probabilities: Probabilities, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the class that each row counts for by the rule of confident learning, -1 for none.

    `probabilities` are `(n, classes)`, of a model that has not seen the row.
    """
    classes = np.arange(probabilities.shape[1])
    thresholds = np.array([probabilities[labels == label, label].mean() for label in classes])
    firm = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(firm.max(axis=1) > 0, firm.argmax(axis=1), -1)


def _out_of_fold(
    components: Features, labels: npt.NDArray[np.int64], groups: npt.NDArray[np.integer]
) -> Probabilities:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

    grouped = np.unique(groups).size < groups.size  # the splitter for groups takes 0.1 ms for each of them
    folds = (StratifiedGroupKFold if grouped else StratifiedKFold)(FOLDS, shuffle=True, random_state=SEED)
    probabilities: Probabilities = cross_val_predict(
        LogisticRegression(C=C, max_iter=1000),
        components,
        labels,
        groups=groups if grouped else None,
        cv=folds,
        method="predict_proba",
    )
    return probabilities


def _told(manifest: Manifest, row: int, probabilities: npt.NDArray[np.float64], other: int) -> Pictures:
    label = int(manifest.table["label"].iloc[row])
    names = manifest.class_names
    taken_for = f"{names[other]} ({probabilities[other]:.2f})"
    return Pictures((row,), f"labelled {names[label]} ({probabilities[label]:.2f}), taken for {taken_for}")


def _finding(sentence: str, told: Sequence[Pictures] = ()) -> Finding:
    return Finding(
        kind="suspects",
        title="suspects of wrong labels",
        sentence=sentence,
        warns=bool(told),
        counts={"pictures": len(told)},
        groups=tuple(told),
    )
