"""Accuracy of a model on the labelled images of a manifest, with those it was trained on told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data_prep.class_names import shown_name
from data_prep.errors import InputError
from data_prep.manifest import Manifest
from data_prep.splits import SPLIT_SEED, make_splits
from search.prediction.predictions import PredictionRow
from search.statistics.classification_errors import break_down
from search.statistics.number_text import decimal, low_to_high
from trainables.objective import cross_entropy

ALL, UNSEEN = "all", "unseen"


def evaluate(rows: Sequence[PredictionRow], class_names: Sequence[str]) -> dict[str, Any] | None:
    """Returns `break_down` of the rows that have a label and a probability, and `loss`; None without any.

    `loss` is the mean cross-entropy. Of several faces in a photograph the first, largest one counts.
    """
    counted = [row for row in rows if row.label is not None and row.face in (None, 1)]
    known = [row for row in counted if row.photograph.label is not None]
    if not known:
        return None
    labels = np.array([row.photograph.label for row in known])
    probabilities = np.array([row.prediction.distribution or row.prediction.probability for row in known])
    ages = [row.photograph.age for row in known]
    found = break_down(labels, probabilities, ages, class_names)
    return {"loss": cross_entropy(labels, probabilities), **found}


def evaluate_parts(
    rows: Sequence[PredictionRow], class_names: Sequence[str], unseen: Sequence[bool] | None
) -> dict[str, dict[str, Any] | None]:
    """Returns what `evaluate` gives for all rows, and for the unseen ones where they are known.

    `unseen` says of each photograph, by its number, that the model was not trained on it.
    """
    parts = {ALL: evaluate(rows, class_names)}
    if unseen is not None:
        parts[UNSEEN] = evaluate([row for row in rows if unseen[row.prediction.photo]], class_names)
    return parts


def unseen_images(manifest: Manifest, facts: Mapping[str, Any]) -> list[bool] | None:
    """Returns for each row of `manifest` whether the model of `facts` was not trained on it.

    None where this cannot be told: other data, whose images may still be the same, or an unknown split.
    """
    name = str(facts.get("split", ""))
    if facts.get("data_digest") != manifest.digest or not name:
        return None
    try:
        splits = make_splits(manifest, _protocol(name), seed=SPLIT_SEED)  # every study splits with this seed
    except InputError:
        return None
    for split in splits:
        if split.name == name:
            unseen = np.ones(len(manifest), dtype=bool)
            unseen[split.train] = False  # validation rows chose values, but nothing was trained on them
            return [bool(value) for value in unseen]
    return None


def print_evaluation(parts: Mapping[str, Any], names: Sequence[str], console: Console) -> None:
    """Prints the figures of each part, then the errors on the unseen images (all, where unknown)."""
    for part, found in parts.items():
        if found:
            console.print(Text(f"{_IN_WORDS[part]}: {_figures(found)}"), soft_wrap=True)
    found = parts.get(UNSEEN) or parts[ALL]
    if found is None:
        return
    shown = [shown_name(name) for name in names]
    console.print(_confusion(found, shown) if len(names) <= _MOST_IN_MATRIX else _worst_pairs(found))
    if len(names) > 2:
        console.print(_classes(found))
    if len(found["by_age"]) > 1:
        ages = _table("age group", "images", "accuracy", "95 % interval")
        for row in found["by_age"]:
            ages.add_row(
                Text(row["age"]), f"{row['n']:,}", decimal(row["accuracy"]), low_to_high(row["interval"])
            )
        console.print(ages)


def _confusion(found: Mapping[str, Any], names: Sequence[str]) -> Table:
    confusion = _table("annotated", *(f"said {name}" for name in names))
    for name, counts in zip(names, found["confusion"], strict=True):
        confusion.add_row(Text(name), *(f"{count:,}" for count in counts))
    return confusion


def _worst_pairs(found: Mapping[str, Any]) -> Table:
    pairs = _table("annotated", "said", "images", "share of the class")
    for pair in found["worst_pairs"][:_WORST_PAIRS]:
        pairs.add_row(Text(pair["class"]), Text(pair["predicted"]), f"{pair['n']:,}", decimal(pair["share"]))
    return pairs


def _classes(found: Mapping[str, Any]) -> Table:
    classes = _table("class", "images", "precision", "recall", "F1")
    for row in found["by_label"]:
        figures = (decimal(row[name]) for name in ("precision", "recall", "f1"))
        classes.add_row(Text(row["name"]), f"{row['n']:,}", *figures)
    return classes


_MOST_IN_MATRIX = 12  # classes: more columns than a terminal has
_WORST_PAIRS = 10
_IN_WORDS = {ALL: "all", UNSEEN: "not trained on"}


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(Text(first), no_wrap=True)
    for title in others:
        table.add_column(Text(title), justify="right", no_wrap=True)
    return table


def _figures(found: Mapping[str, Any]) -> str:
    auc = found["roc"]["auc"]
    return (
        f"{found['n']:,} images, accuracy {decimal(found['accuracy'])} "
        f"(95 % interval {low_to_high(found['interval'])}), loss {decimal(found['loss'])}, "
        f"AUC {'undefined (one label only)' if auc is None else decimal(auc)}"
    )


def _protocol(split: str) -> str:
    """The protocol that makes the split of this name."""
    if split.startswith("fold-"):
        return "folds"
    if split.startswith("kfold-"):
        return f"kfold:{split.split('-')[1]}"
    if split.startswith("subject"):  # with the kind of the groups behind it
        return "group"
    return split
