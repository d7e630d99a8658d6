"""The figures of a stage: what they show, and what they leave to the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.report.document import Lines
from search.report.sections.stage_figures import curves_of, means_beside_published
from search.study.study import Study
from tests.search.makers import make_entry, make_stage_result

Make = Callable[..., Path]


@pytest.mark.parametrize("means", [(0.70, 0.72), (0.40, 0.88), (0.95, 0.97)])
def test_figure_beside_the_published_has_all_our_means_and_whole_error_bars(
    means: tuple[float, float],
) -> None:
    pairs = zip((0.001, 0.0003), means, strict=True)
    entries = tuple(make_entry(value, mean=mean, spread=0.01) for value, mean in pairs)
    (points,) = means_beside_published(make_stage_result(entries=entries), "lr")
    ours = points.series[0]
    assert list(ours.values) == list(means)
    assert list(ours.low) == [mean - 0.01 for mean in means]
    assert list(ours.high) == [mean + 0.01 for mean in means]


def curves(study: Path, stage: str) -> Iterator[Lines]:
    snapshot = Study(study).snapshot()
    result = snapshot.stage(stage)
    assert result
    return curves_of(snapshot, result)


def test_stage_has_one_panel_that_shows_every_value(make_study: Make) -> None:
    (figure,) = curves(make_study(stages=("batch_size",), epochs=3), "batch_size")
    (panel,) = figure.panels
    assert [curve.label for curve in panel.curves] == ["1", "4", "8", "16", "32", "64"]
    assert "After the last epoch" in figure.caption


@pytest.mark.parametrize(("stage", "banded"), [("backbone", True), ("dropout", False)])
def test_bands_are_drawn_where_few_curves_leave_room(make_study: Make, stage: str, banded: bool) -> None:
    (figure,) = curves(make_study(stages=(stage,), epochs=3, repeats=3), stage)
    val_accuracy = next(panel for panel in figure.panels if panel.title == "val accuracy")
    assert any(curve.low for curve in val_accuracy.curves) is banded
    assert ("a band of" in figure.caption) is banded
    assert "mean of the runs" in figure.caption
