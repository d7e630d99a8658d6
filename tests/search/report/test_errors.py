"""Errors of the winner in the report, for more than two classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search.report.document import Lines, Paragraph, Table
from search.report.sections.errors import errors_blocks
from search.statistics.classification_errors import break_down
from search.study.facts import StudyFacts

FACTS = StudyFacts(
    data_digest="d",
    source="folder",
    images=60,
    labels={"0": 20, "1": 20, "2": 20},
    class_names=("daisy", "rose", "tulip"),
    group_kind="",
    subjects=0,
    split="random",
    weights="none",
    keras_backend="jax",
)


def _found(classes: int, *, ordered: bool = False) -> dict[str, object]:
    rng = np.random.default_rng(3)
    labels = np.arange(6 * classes) % classes
    stated = rng.dirichlet(np.ones(classes), labels.size)
    names = [f"class {number}" for number in range(classes)]
    return break_down(labels, stated, [None] * labels.size, names, ordered=ordered)


def test_errors_of_three_classes_are_told_by_their_names() -> None:
    blocks = errors_blocks(_found(3), "lr-errors", FACTS)
    tables = {block.caption: block for block in blocks if isinstance(block, Table)}
    matrix, mistakes, figures, *_ = tables.values()
    assert [row[0] for row in matrix.rows] == ["0 (daisy)", "1 (rose)", "2 (tulip)"]
    assert tuple(mistakes.columns) == ("class", "predicted", "images", "share of the class")
    assert tuple(figures.columns) == ("class", "images", "precision", "recall", "F1")
    (roc, calibration, *_) = [block for block in blocks if isinstance(block, Lines)]
    assert [curve.label.partition(",")[0] for curve in roc.panels[0].curves] == [
        "0 (daisy)",
        "1 (rose)",
        "2 (tulip)",
    ]
    assert calibration.panels[0].y_label == "share that is right"


def test_errors_of_forty_classes_have_the_worst_pairs_in_place_of_the_matrix() -> None:
    facts = replace(FACTS, class_names=tuple(f"class {number}" for number in range(40)))
    captions = [block.caption for block in errors_blocks(_found(40), "lr", facts) if isinstance(block, Table)]
    assert not any("Confusion" in caption for caption in captions)
    assert any("commonest mistakes" in caption for caption in captions)


def test_errors_of_ordered_classes_say_how_far_off_they_are() -> None:
    blocks = errors_blocks(_found(3, ordered=True), "lr", FACTS)
    said = [block.text for block in blocks if isinstance(block, Paragraph)]
    assert any("the mean absolute error is" in text for text in said)
