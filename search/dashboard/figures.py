"""Figures of the page's own; those of the report come from `search.report.render.charts`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from data_prep.class_names import numbered
from search.dashboard.curves import LearningCurve
from search.dashboard.machine import Ran
from search.report.document import Curve, Panel
from search.report.render.charts import CLICKED, Chart, panel_chart
from search.report.render.palette import COLOURS, GREY
from search.report.sections.joint import steps
from search.space.stages import EVERY_STAGE
from search.study.stage_results import JOINT

_STAGES = (*EVERY_STAGE, JOINT)


def learning_curves(curves: Sequence[LearningCurve], y_label: str) -> Chart:
    """Returns the curves by epoch: one colour per stage; dash and marker tell the trials apart."""
    shown = [
        Curve(
            label=curve.label,
            x=curve.epochs,
            y=[math.nan if value is None else value for value in curve.values],
            trial=curve.key,  # a click leads to it
            colour=_stage_colour(curve.stage) if curve.key else "",
        )
        for curve in curves
    ]
    return panel_chart(Panel(title="", x_label="epoch", y_label=y_label, curves=shown))


def best_of_each(curves: Mapping[str, Sequence[float]], figure_name: str) -> Chart:
    """Returns the best so far of each study, by its name, as steps over its configurations."""
    lines = [steps(name, range(1, len(best) + 1), best) for name, best in curves.items()]
    y_label = f"best {figure_name} so far"
    return panel_chart(Panel(title="", x_label="configurations", y_label=y_label, curves=lines))


def timeline(ran: Sequence[Ran]) -> Chart:
    """Returns a bar for each trial, from its begin to its end, a row for each place; a click leads to it."""
    stages = list(dict.fromkeys(each.stage for each in ran))
    rows = [{CLICKED: each.key, **vars(each), "place": f"{each.node} {each.place}"} for each in ran]
    places = {row["place"] for row in rows}
    scale = alt.Scale(domain=stages, range=list(map(_stage_colour, stages)))
    bars = alt.Chart(alt.InlineData(rows)).encode(
        alt.X("begin:Q", title="minutes since the first of them began"),
        alt.X2("end:Q"),
        alt.Y("place:N", sort=None, title="node and place on it", axis=alt.Axis(labelOverlap=True)),
        alt.Color("stage:N", scale=scale, legend=alt.Legend(orient="bottom")),
        tooltip=[f"{CLICKED}:N", "stage:N"],
    )
    clicked = alt.selection_point(name=CLICKED, fields=[CLICKED])
    layers = [bars.mark_bar(stroke=GREY, strokeWidth=0.5).add_params(clicked)]
    # hundreds of places are those of files that were copied, or of a large cluster
    return alt.LayerChart(layer=layers).properties(height=min(max(120, 22 * len(places)), 660))


def _stage_colour(stage: str) -> str:
    """Returns the colour of a stage (a sweep has its stage's), grey for what is none."""
    name = stage.partition(" ")[0]
    return COLOURS[_STAGES.index(name) % len(COLOURS)] if name in _STAGES else GREY


_MOST_IN_MATRIX = 30  # classes: a larger matrix cannot be read
_NUMBERS_IN_FULL = 10


def confusion(counts: Any, class_names: Sequence[str]) -> Chart | None:
    """Returns the confusion matrix, a row for each class, with each row's shares; None without one."""
    if not counts or len(counts) > _MOST_IN_MATRIX:
        return None
    # room for a number in each cell: from ten classes on the count alone
    few = len(counts) < _NUMBERS_IN_FULL
    names = list(numbered(class_names))
    rows = [
        {"class": name, "predicted": predicted, "share": (share := count / (sum(of_class) or 1))}
        | {"text": f"{count:,} · {share:.1%}" if few else f"{count:,}"}
        for name, of_class in zip(names, counts, strict=True)
        for predicted, count in zip(names, of_class, strict=True)
    ]
    base = alt.Chart(alt.InlineData(rows)).encode(
        alt.X("predicted:N", sort=names, axis=alt.Axis(orient="top", labelAngle=0 if few else -45)),
        alt.Y("class:N", sort=names),  # label 0 on top, as in the table
    )
    colour = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#eef4fa", "#8fbde6"]), legend=None)
    cells, words = base.mark_rect().encode(colour), base.mark_text(color="#16202b").encode(text="text:N")
    return alt.LayerChart(layer=[cells, words]).properties(height=max(240, 34 * len(counts)))
