"""Accuracy of a model on labelled photographs."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from data_prep.splits import make_splits
from search.prediction.evaluation import (
    ALL,
    UNSEEN,
    evaluate,
    evaluate_parts,
    print_evaluation,
    unseen_images,
)
from search.prediction.photographs import Photograph
from search.prediction.predictions import PredictionRow, prediction_rows
from tests.search.makers import make_manifest
from trainables.inference.classifier import Prediction
from trainables.inference.pictures import Box

NAMES = ("cat", "dog")


def _rows(labels: Sequence[int | None], probabilities: Sequence[float | None]) -> list[PredictionRow]:
    photographs = [
        Photograph(name=f"{number}.jpg", image=b"", label=label, age=("(0, 2)", "(25, 32)")[number % 2])
        for number, label in enumerate(labels)
    ]
    predictions = [
        Prediction(photo=number, probability=probability) for number, probability in enumerate(probabilities)
    ]
    return prediction_rows(photographs, predictions)


def test_evaluate_gives_accuracy_loss_auc_and_age_groups() -> None:
    found = evaluate(_rows([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.8]), NAMES)
    assert found is not None
    assert (found["n"], found["accuracy"], found["confusion"]) == (4, 0.75, [[1, 1], [0, 2]])
    assert found["loss"] == pytest.approx(-np.log([0.9, 0.9, 0.4, 0.8]).mean())
    assert found["roc"]["auc"] == 1.0
    assert [(row["age"], row["accuracy"]) for row in found["by_age"]] == [("(0, 2)", 0.5), ("(25, 32)", 1.0)]


def test_evaluate_bounds_the_loss_of_a_certain_error() -> None:
    found = evaluate(_rows([0, 1], [1.0, 1.0]), NAMES)
    assert found is not None
    assert found["loss"] == pytest.approx(-math.log(1e-7) / 2, rel=1e-6)


def test_evaluate_leaves_out_what_has_no_label_or_no_answer() -> None:
    found = evaluate(_rows([0, None, 1], [0.1, 0.9, None]), NAMES)
    assert found is not None
    assert found["n"] == 1


def test_evaluate_counts_the_first_face_of_a_photograph() -> None:
    photographs = [Photograph(name="a", image=b"", label=1)]
    box = Box(0, 0, 1, 1)
    faces = [Prediction(photo=0, probability=probability, box=box) for probability in (0.9, 0.1)]
    found = evaluate(prediction_rows(photographs, faces), NAMES)
    assert found is not None
    assert (found["n"], found["accuracy"]) == (1, 1.0)


def test_evaluate_without_labels_is_none() -> None:
    assert evaluate(_rows([None], [0.5]), NAMES) is None


def test_evaluate_parts_tells_unseen_images_apart() -> None:
    parts = evaluate_parts(_rows([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.8]), NAMES, [False, False, True, True])
    assert parts[ALL] is not None
    assert parts[UNSEEN] is not None
    assert (parts[ALL]["n"], parts[UNSEEN]["n"], parts[UNSEEN]["accuracy"]) == (4, 2, 0.5)


@pytest.mark.parametrize(
    ("split", "protocol", "number"),
    [("random", "random", 0), ("subject", "group", 0), ("fold-2", "folds", 2), ("kfold-4-1", "kfold:4", 1)],
)
def test_unseen_images_are_those_outside_the_training_rows(
    tmp_path: Path, split: str, protocol: str, number: int
) -> None:
    manifest = make_manifest(tmp_path)
    unseen = unseen_images(manifest, {"data_digest": manifest.digest, "split": split})
    assert unseen is not None
    train = make_splits(manifest, protocol)[number].train
    assert np.flatnonzero(~np.array(unseen)).tolist() == train.tolist()


@pytest.mark.parametrize(
    "facts", [{}, {"data_digest": "other", "split": "random"}, {"split": "random"}, {"split": "made up"}]
)
def test_unseen_images_of_other_data_or_an_unknown_split_are_not_known(
    tmp_path: Path, facts: dict[str, str]
) -> None:
    manifest = make_manifest(tmp_path)
    known = {"data_digest": manifest.digest} if facts.get("split") == "made up" else {}
    assert unseen_images(manifest, {**facts, **known}) is None


def test_print_evaluation_shows_figures_confusion_and_ages() -> None:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    parts = evaluate_parts(_rows([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.8]), NAMES, None)
    print_evaluation(parts, ("cat", "dog"), console)
    lines = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert " ".join(lines[0]).startswith(
        "all: 4 images, accuracy 0.7500 (95 % interval 0.3006 to 0.9544), loss"
    )
    assert lines[1:4] == [
        ["annotated", "said", "cat", "said", "dog"],
        ["cat", "1", "1"],
        ["dog", "0", "2"],
    ]
    assert lines[5][:4] == ["(0,", "2)", "2", "0.5000"]


def test_print_evaluation_of_one_label_says_that_auc_is_undefined() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_evaluation(evaluate_parts(_rows([1], [0.9]), NAMES, None), NAMES, console)
    assert "AUC undefined (one label only)" in console.file.getvalue()  # type: ignore[attr-defined]


def test_print_evaluation_of_nothing_prints_nothing() -> None:
    console = Console(file=io.StringIO())
    print_evaluation(evaluate_parts(_rows([None], [0.9]), NAMES, None), NAMES, console)
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
