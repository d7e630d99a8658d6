from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from search.statistics.classification_errors import break_down

LABELS = [0, 0, 0, 0, 1, 1, 1, 1]
NAMES = ("cat", "dog")
PROBABILITIES = [0.1, 0.2, 0.6, 0.3, 0.9, 0.4, 0.55, 1.0]
AGES: list[Any] = ["(25, 32)", "(4, 6)", "(25, 32)", None, "(4, 6)", "(60, 100)", "(25, 32)", pd.NA]


def wilson(hits: int, n: int) -> list[float]:
    """Wilson's formula (1927) at 95 %."""
    z, share = 1.959963985, hits / n
    middle = share + z**2 / (2 * n)
    width = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return [(middle - width) / (1 + z**2 / n), (middle + width) / (1 + z**2 / n)]


@pytest.fixture
def broken_down() -> dict[str, Any]:
    return break_down(LABELS, PROBABILITIES, AGES, NAMES)


def test_break_down_gives_the_accuracy_with_wilsons_interval(broken_down: dict[str, Any]) -> None:
    assert (broken_down["n"], broken_down["accuracy"]) == (8, 0.75)
    assert broken_down["interval"] == pytest.approx(wilson(6, 8))


def test_break_down_counts_a_half_as_label_0_as_training_does(broken_down: dict[str, Any]) -> None:
    assert broken_down["confusion"] == [[3, 1], [1, 3]]
    assert break_down([0, 1], [0.5, 0.5], [None, None], NAMES)["confusion"] == [[1, 0], [1, 0]]


def test_break_down_gives_roc_and_auc(broken_down: dict[str, Any]) -> None:
    roc = broken_down["roc"]
    assert roc["auc"] == 14 / 16  # pairs of a 1 and a 0 in the right order
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0, 0, 1, 1)


def test_break_down_calibrates_in_ten_bins(broken_down: dict[str, Any]) -> None:
    calibration = broken_down["calibration"]
    bins = calibration["bins"]
    assert [row["n"] for row in bins] == [0, 1, 1, 1, 1, 1, 1, 0, 0, 2]
    assert (bins[0]["from"], bins[0]["to"], bins[9]["to"]) == (0.0, 0.1, 1.0)
    assert bins[0]["mean_probability"] is bins[0]["share_of_label_1"] is bins[0]["interval"] is None
    assert (bins[9]["mean_probability"], bins[9]["share_of_label_1"]) == (pytest.approx(0.95), 1.0)
    distances = [0.1, 0.2, 0.3, 0.6, 0.45, 0.6, 2 * 0.05]
    assert calibration["expected_calibration_error"] == pytest.approx(sum(distances) / 8)
    brier = np.mean((np.array(PROBABILITIES) - LABELS) ** 2)
    assert calibration["brier"] == pytest.approx(brier)


def test_break_down_puts_a_bins_edge_into_the_upper_bin() -> None:
    edges = [number / 10 for number in range(10)]
    bins = break_down([0, 1] * 5, edges, [None] * 10, NAMES)["calibration"]["bins"]
    assert [row["n"] for row in bins] == [1] * 10


def test_break_down_by_label_names_the_labels(broken_down: dict[str, Any]) -> None:
    rows = broken_down["by_label"]
    assert [(row["label"], row["name"], row["n"], row["accuracy"]) for row in rows] == [
        (0, "cat", 4, 0.75),
        (1, "dog", 4, 0.75),
    ]


def test_break_down_by_age_goes_by_the_first_number_and_ends_with_the_unknown(
    broken_down: dict[str, Any],
) -> None:
    rows = broken_down["by_age"]
    assert [(row["age"], row["n"], row["accuracy"]) for row in rows] == [
        ("(4, 6)", 2, 1.0),
        ("(25, 32)", 3, pytest.approx(2 / 3)),
        ("(60, 100)", 1, 0.0),
        ("unknown", 2, 1.0),
    ]
    assert rows[2]["interval"] == pytest.approx(wilson(0, 1))


@pytest.mark.parametrize("label", [0, 1])
def test_break_down_with_one_label_leaves_undefined_figures_out(label: int) -> None:
    found = break_down([label] * 3, [0.2, 0.7, 0.9], [None] * 3, NAMES)
    assert found["roc"] == {"fpr": None, "tpr": None, "auc": None}
    assert [row["accuracy"] is None for row in found["by_label"]] == [label == 1, label == 0]
    assert np.sum(found["confusion"]) == 3


def test_break_down_thins_the_roc_and_keeps_its_ends() -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, 5000)
    roc = break_down(labels, rng.random(5000), [None] * 5000, NAMES)["roc"]
    assert len(roc["fpr"]) == len(roc["tpr"]) == 200
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0, 0, 1, 1)
    assert roc["auc"] == pytest.approx(np.trapezoid(roc["tpr"], roc["fpr"]), abs=0.01)


@pytest.mark.parametrize("dtype", [np.int8, np.int64])
def test_break_down_gives_json_values(dtype: type) -> None:
    found = break_down(np.array(LABELS, dtype=dtype), np.array(PROBABILITIES, dtype=np.float32), AGES, NAMES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("labels", "probabilities", "ages", "message"),
    [
        ([0, 1], [0.5], [None, None], r"the same length, received shapes \(2,\), \(1,\) and \(2,\)"),
        ([0, 1], [0.5, 0.5], [None], r"the same length, received shapes \(2,\), \(2,\) and \(1,\)"),
        ([[0, 1]], [[0.5, 0.5]], [None], r"the same length, received shapes \(1, 2\)"),
        ([], [], [], r"at least one image, received none"),
        ([0, 2], [0.5, 0.5], [None, None], r"labels must be 0 or 1, received \[0, 2\]"),
        ([0, 1], [0.5, 1.5], [None, None], r"probabilities must lie in \[0, 1\], received 1.5"),
        ([0, 1], [math.nan, 0.5], [None, None], r"probabilities must lie in \[0, 1\], received nan"),
    ],
)
def test_break_down_refuses_what_does_not_fit(
    labels: Any, probabilities: Any, ages: list[str | None], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        break_down(labels, probabilities, ages, NAMES)


FLOWERS = ("daisy", "rose", "tulip")
TRUTH = [0, 0, 1, 1, 2, 2]
STATED = [
    [0.7, 0.2, 0.1],
    [0.2, 0.5, 0.3],
    [0.1, 0.8, 0.1],
    [0.3, 0.6, 0.1],
    [0.1, 0.6, 0.3],
    [0.0, 0.1, 0.9],
]


@pytest.fixture
def of_flowers() -> dict[str, Any]:
    return break_down(TRUTH, STATED, [None] * 6, FLOWERS, ordered=True)


def test_break_down_of_classes_takes_the_likeliest(of_flowers: dict[str, Any]) -> None:
    assert of_flowers["accuracy"] == pytest.approx(4 / 6)
    assert of_flowers["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 1, 1]]
    assert of_flowers["worst_pairs"][0] == {"class": "daisy", "predicted": "rose", "n": 1, "share": 0.5}


def test_break_down_of_classes_has_scikit_learns_figures(of_flowers: dict[str, Any]) -> None:
    said = [0, 1, 1, 1, 1, 2]
    assert of_flowers["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(TRUTH, said))
    assert of_flowers["macro_f1"] == pytest.approx(metrics.f1_score(TRUTH, said, average="macro"))
    assert of_flowers["roc"]["auc"] == pytest.approx(metrics.roc_auc_score(TRUTH, STATED, multi_class="ovr"))
    rows = of_flowers["by_label"]
    expected = metrics.precision_recall_fscore_support(TRUTH, said)
    for name, values in zip(("precision", "recall", "f1", "n"), expected, strict=True):
        assert [row[name] for row in rows] == pytest.approx(list(values))
    assert [row["name"] for row in rows] == list(FLOWERS)


def test_break_down_of_ordered_classes_counts_their_distance(of_flowers: dict[str, Any]) -> None:
    assert (of_flowers["one_off"], of_flowers["mean_absolute_error"]) == (1.0, pytest.approx(2 / 6))


def test_break_down_of_classes_calibrates_the_likeliest(of_flowers: dict[str, Any]) -> None:
    bins = of_flowers["calibration"]["bins"]
    assert [row["n"] for row in bins] == [0, 0, 0, 0, 0, 1, 2, 1, 1, 1]
    assert bins[6]["share_right"] == 0.5
    squares = [
        np.sum((np.array(row) - np.eye(3)[label]) ** 2) for row, label in zip(STATED, TRUTH, strict=True)
    ]
    assert of_flowers["calibration"]["brier"] == pytest.approx(np.mean(squares))


def test_break_down_of_classes_leaves_out_a_class_that_does_not_occur() -> None:
    found = break_down(TRUTH[:4], STATED[:4], [None] * 4, FLOWERS)
    assert found["balanced_accuracy"] == 0.75
    assert found["by_label"][2]["accuracy"] is None


def test_break_down_of_many_classes_keeps_the_worst_pairs_alone() -> None:
    classes = 101
    labels = np.arange(classes)
    stated = np.roll(np.eye(classes), 1, axis=1)
    found = break_down(labels, stated, [None] * classes, [str(label) for label in labels])
    assert found["confusion"] is None
    assert found["worst_pairs"][0] == {"class": "0", "predicted": "1", "n": 1, "share": 1.0}


def test_break_down_refuses_probabilities_of_other_classes() -> None:
    with pytest.raises(ValueError, match=r"received shapes \(6,\), \(6, 3\) and \(6,\) for 4 classes"):
        break_down(TRUTH, STATED, [None] * 6, (*FLOWERS, "sunflower"))
