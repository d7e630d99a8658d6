"""Figures of the page's own; those of the report come from `search.report.render.plotly_figures`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape  # plotly reads tags in its texts
from typing import Any

import plotly.graph_objects as go

from data_prep.class_names import numbered
from search.dashboard.curves import LearningCurve
from search.report.render.palette import COLOURS, DASHES
from search.space.stages import EVERY_STAGE
from search.study.stage_results import JOINT

_HEIGHT_PX = 420
_STAGES = (*EVERY_STAGE, JOINT)


def learning_curves(curves: Sequence[LearningCurve], y_label: str) -> go.Figure:
    """Returns the curves by epoch: one colour per stage, and within it one dash and width per trial."""
    figure = go.Figure()
    seen: dict[str, int] = {}
    for curve in curves:
        number = seen[curve.stage] = seen.get(curve.stage, -1) + 1
        dash, width = DASHES[number % len(DASHES)][0], 3 if number < len(DASHES) else 1.5
        figure.add_scatter(
            x=list(curve.epochs),
            y=list(curve.values),
            name=escape(curve.label),
            mode="lines+markers",
            line={"color": _stage_colour(curve.stage), "dash": dash, "width": width},
            marker={"size": 5, "symbol": number % 8},  # a trial of one epoch has no line
            hovertemplate="%{y:.4f} in epoch %{x}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title=y_label)
    return _laid_out(figure)


def best_by_minute(points: Sequence[tuple[float, float, float]], figure_name: str) -> go.Figure:
    """Returns the figure of `best_over_time`: each completed trial, and the best so far as steps.

    `figure_name` is what a person calls the objective.
    """
    minutes, scores, best = (list(values) for values in zip(*points, strict=True))
    hover = "%{y:.4f} after %{x:.1f} min<extra></extra>"
    steps = {"shape": "hv", "color": COLOURS[0], "width": 3}  # a best holds until a better one
    dots = {"color": COLOURS[1], "size": 7}
    figure = go.Figure()
    figure.add_scatter(x=minutes, y=best, name="best so far", mode="lines", line=steps, hovertemplate=hover)
    figure.add_scatter(
        x=minutes, y=scores, name="a completed trial", mode="markers", marker=dots, hovertemplate=hover
    )
    figure.update_xaxes(title="minutes since the first trial ended")
    figure.update_yaxes(title=figure_name)
    return _laid_out(figure)


def _stage_colour(stage: str) -> str:
    """Returns the colour of a stage (a sweep has its stage's), grey for what is none."""
    name = stage.partition(" ")[0]
    return COLOURS[_STAGES.index(name) % len(COLOURS)] if name in _STAGES else "#888888"


def _laid_out(figure: go.Figure) -> go.Figure:
    figure.update_layout(
        height=_HEIGHT_PX,
        margin={"l": 60, "r": 15, "t": 20, "b": 60},
        legend={"orientation": "h", "yanchor": "top", "y": -0.2, "x": 0},
        uirevision="kept",  # zoom and hidden curves outlast a refresh
        showlegend=True,
    )
    return figure


_MOST_IN_MATRIX = 30  # classes: a larger matrix cannot be read
_NUMBERS_IN_FULL = 10


def confusion(counts: Any, class_names: Sequence[str]) -> go.Figure | None:
    """Returns the confusion matrix, a row for each class, with each row's shares; None without one."""
    if not counts or len(counts) > _MOST_IN_MATRIX:
        return None
    # room for a number in each cell: from ten classes on the count alone
    few = len(counts) < _NUMBERS_IN_FULL
    names = [escape(name) for name in numbered(class_names)]
    shares = [[count / (sum(row) or 1) for count in row] for row in counts]
    texts = [
        [
            f"{count:,}<br>{share:.1%}" if few else f"{count:,}"
            for count, share in zip(row, of_row, strict=True)
        ]
        for row, of_row in zip(counts, shares, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=[f"predicted {name}" for name in names],
            y=names,
            text=texts,
            texttemplate="%{text}",
            textfont={"size": 16 if few else 11, "color": "#16202b"},
            colorscale=[[0, "#eef4fa"], [1, "#8fbde6"]],
            zmin=0,
            zmax=1,
            showscale=False,
            hoverinfo="skip",
        )
    )
    figure.update_yaxes(title="class", autorange="reversed")  # label 0 on top, as in the table
    return _laid_out(figure).update_layout(height=max(300, 34 * len(counts)), showlegend=False)
