"""Figures on all trials of a study: what they take, and that their points are the trials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.dashboard.reading import StudyReader
from search.dashboard.space.tried import FIGURES, Tried, contour, distribution, slices
from search.dashboard.views.space_view import _tried
from search.report.render.charts import CLICKED, Chart
from search.study.snapshot import Snapshot

Make = Callable[..., Path]
NAMES = ("learning_rate", "dropout", "hidden_units")


def rows_of(chart: Chart) -> list[dict[str, Any]]:
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


@pytest.fixture
def snapshot(make_study: Make) -> Snapshot:
    return StudyReader(make_study(stages=("lr", "neurons", "dropout"), epochs=2, repeats=2, joint=12)).read()


@pytest.fixture
def tried(snapshot: Snapshot) -> Tried:
    return _tried(snapshot)


def test_trials_of_stages_and_of_the_joint_search_are_tried_and_no_stopped_ones(
    snapshot: Snapshot, tried: Tried
) -> None:
    assert set(tried.by_stage) == {"lr", "neurons", "dropout", "joint"}
    assert {trial.status.value for trial in tried.trials} == {"COMPLETED"}
    assert set(NAMES) < set(tried.names)
    assert set(_tried(snapshot).only(["lr"]).by_stage) == {"lr"}
    assert _tried(snapshot).only(["lr"]) != tried == _tried(snapshot)


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_is_made_of_numbers_and_of_texts(tried: Tried, name: str) -> None:
    for chart in FIGURES[name][0](tried, NAMES):
        assert rows_of(chart)


def test_points_of_a_slice_carry_their_trials(snapshot: Snapshot, tried: Tried) -> None:
    for chart in slices(tried, ("learning_rate", "hidden_units")):
        rows = rows_of(chart)
        assert len(rows) == len(tried.trials)
        assert all(snapshot.trials[row[CLICKED]].mean_val_accuracy == row["score"] for row in rows)


def test_of_many_trials_one_in_so_many_is_drawn_from_the_best_one_on(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = sorted((trial.mean_val_accuracy for trial in tried.trials), reverse=True)
    for module in ("search.report.sections.joint", "search.dashboard.space.tried"):
        monkeypatch.setattr(f"{module}.DRAWN", 10)
    (chart,) = slices(tried, ("learning_rate",))
    drawn = [row["score"] for row in rows_of(chart)]
    assert (tried.every, sorted(drawn, reverse=True)) == (-(-len(scores) // 10), scores[:: tried.every])
    (chart,) = distribution(tried, NAMES)
    of_joint = [row for row in rows_of(chart) if row["label"] == "joint"]
    assert (len(of_joint), of_joint[-1]["y"]) == (10, 1.0)  # both ends among them


def test_distribution_has_a_curve_for_each_stage(tried: Tried) -> None:
    (chart,) = distribution(tried, NAMES)
    assert list(dict.fromkeys(row["label"] for row in rows_of(chart))) == list(tried.by_stage)


def test_contour_of_trials_on_one_line_has_its_points_alone(tried: Tried) -> None:
    (chart,) = contour(tried, ("learning_rate", "dropout"))
    found = [row["score"] for row in rows_of(chart) if "x2" in row]
    scores = [trial.mean_val_accuracy for trial in tried.trials]
    assert found
    assert min(scores) <= min(found) <= max(found) <= max(scores)
    (chart,) = contour(tried, ("learning_rate", "learning_rate"))
    assert not any("x2" in row for row in rows_of(chart))
