"""A figure of the report as a chart of Vega-Lite: one specification for page, dashboard, notebook and PNG.

A chart has the colours of its data and no ink: what shows it knows whether it is light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import altair as alt
from altair.utils.schemapi import debug_mode

from data_prep.storage.json_files import json_number
from search.report.document import Axis, Curve, Figure, Lines, Panel, Parallel, Points, Series
from search.report.render.palette import COLOURS, DASHES, GREY, SCALE, SHAPES

Chart: TypeAlias = alt.LayerChart | alt.ConcatChart
Row: TypeAlias = dict[str, Any]

CLICKED = "trial"  # selection of the point that was clicked, and the field with the key of its trial
HALO = "halo"  # style of text that lies on lines: it is outlined in the colour of the ground
_WIDTH_PX, _HEIGHT_PX, _ROW_PX, _AXIS_PX = 420, 240, 44, 110
_NAME_PX, _LABEL_PX = 260, 420  # of a category, of a curve in the legend; more is cut
_LEGEND_LETTERS = 60  # in a row
_NUMBERED = 10  # points of a series, above which their numbers would lie over one another
_MANY = 200  # points, which are drawn small
_RANKS = 40  # colours of lines in parallel coordinates
_PALE = 0.1  # opacity of what is not chosen in the legend
_SPACED = alt.Scale(zero=False, padding=24)  # for half a number
_SHOWN = alt.selection_point(name="shown", fields=["label"], bind="legend")


def chart_of(figure: Figure) -> Chart:
    """Returns `figure` as one chart: its panels stand in two columns."""
    charts = charts_of(figure)
    return charts[0] if len(charts) == 1 else alt.concat(*charts, columns=2)


@debug_mode(False)  # else each of thousands of rows is checked against a schema
def charts_of(figure: Figure) -> Sequence[alt.LayerChart]:
    """Returns the chart of each panel of `figure`, or of the whole."""
    match figure:
        case Lines():
            titled = len(figure.panels) > 1
            return [panel_chart(panel, panel.title if titled else "") for panel in figure.panels]
        case Points():
            return [_points(figure)]
        case Parallel():
            return [_parallel(figure)]


@debug_mode(False)
def panel_chart(panel: Panel, title: str = "") -> alt.LayerChart:
    """Returns the chart of curves over common axes; a click on a point with a trial selects it as CLICKED."""
    rows = [row for number, curve in enumerate(panel.curves) for row in _of_curve(curve, number)]
    whole = all(isinstance(row["x"], int) for row in rows)  # there is no epoch 2.5
    axis = alt.Axis(format="d", tickCount=7, tickMinStep=1) if whole else alt.Axis(tickCount=7)
    dotted = any(curve.dots or curve.trial for curve in panel.curves)
    room: Row = {"padding": 8 if dotted and not panel.diagonal else 0}  # for half a point
    across = alt.Scale(zero=False, nice=not (whole or dotted), **room)  # a nice end may lie below 0
    colours = [curve.colour or COLOURS[number % len(COLOURS)] for number, curve in enumerate(panel.curves)]
    base = alt.Chart().encode(
        alt.X("x:Q", title=panel.x_label, axis=axis, scale=across),
        alt.Y("y:Q", title=panel.y_label, scale=alt.Scale(zero=False, **room)),
        _by_label(alt.Color, panel.curves, colours),
        alt.Detail("number:N"),
        opacity=_opacity(),
    )
    chart = _on(rows, _layers(base, panel)).properties(width=_WIDTH_PX, height=_HEIGHT_PX)
    if not any(curve.dots for curve in panel.curves):
        chart = chart.resolve_legend(shape="independent")  # it has none: in a common one shapes cover dashes
    return _explored(chart.properties(title=title) if title else chart)


def _of_curve(curve: Curve, number: int) -> Iterator[Row]:
    kind = "dots" if curve.dots else "steps" if curve.steps else "line"
    known: Row = {"label": curve.label, "number": number, "kind": kind, CLICKED: curve.trial}
    for place, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
        yield {**known, "x": json_number(x), "y": json_number(y), **_ends(curve, place)}


def _layers(base: alt.Chart, panel: Panel) -> Iterator[alt.Chart]:
    """Yields the layers of what there is among the curves, the lowest first."""
    lines, dots = (
        [curve for curve in panel.curves if not curve.dots],
        [curve for curve in panel.curves if curve.dots],
    )
    said = [_said("label", " "), _said("x", panel.x_label), _said("y", panel.y_label)]
    ends = base.encode(alt.Y("low:Q", title=panel.y_label), alt.Y2("high:Q"))
    dashed = base.encode(_by_label(alt.StrokeDash, panel.curves, DASHES), tooltip=said)
    many = any(len(curve.x) > _MANY for curve in dots)
    shaped = base.encode(_by_label(alt.Shape, panel.curves, SHAPES), tooltip=said)
    points = shaped.mark_point(clip=True, filled=True, size=10 if many else 40)
    if panel.diagonal:
        corners = alt.InlineData([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
        yield alt.Chart(corners).mark_line(color=GREY, strokeDash=[2, 3]).encode(x="x:Q", y="y:Q")
    if any(curve.low for curve in lines):
        yield _only(ends, "line").mark_area(clip=True, fillOpacity=0.18)
    if any(curve.low for curve in dots):
        yield _only(ends, "dots").mark_rule(clip=True, strokeWidth=2)
    if dots:
        yield _only(points, "dots")
    if any(not curve.steps for curve in lines):
        yield _only(dashed, "line").mark_line(clip=True)
    if any(curve.steps for curve in lines):
        yield _only(dashed, "steps").mark_line(clip=True, interpolate="step-after")
    if any(curve.trial for curve in lines):
        yield points.add_params(alt.selection_point(name=CLICKED, fields=[CLICKED]))
    elif any(len(curve.x) == 1 for curve in lines):  # which is not seen
        yield points


def _only(base: alt.Chart, kind: str) -> alt.Chart:
    return base.transform_filter(alt.datum.kind == kind)


def _points(points: Points) -> alt.LayerChart:
    """Returns a chart with a row for each category, in which the series stand side by side."""
    rows = [row for series in points.series for row in _of_series(points.categories, series)]
    beside = alt.YOffset("label:N", sort=None) if len(points.series) > 1 else alt.Undefined
    base = alt.Chart().encode(
        alt.X("value:Q", title=points.y_label, scale=_SPACED, axis=alt.Axis(tickCount=6)),
        alt.Y("category:N", title=None, sort=None, axis=alt.Axis(labelLimit=_NAME_PX)),
        opacity=_opacity(),
        tooltip=[_said("category", points.x_label or " "), _said("value", points.y_label)],
        yOffset=beside,
    )
    coloured = base.encode(_by_label(alt.Color, points.series, COLOURS))
    bars = coloured.encode(alt.X("low:Q", title=points.y_label), alt.X2("high:Q"))
    marks = coloured.encode(_by_label(alt.Shape, points.series, SHAPES))
    layers = [bars.mark_rule(clip=True, strokeWidth=2), marks.mark_point(clip=True, filled=True, size=70)]
    if len(points.categories) <= _NUMBERED:
        layers.append(base.mark_text(clip=True, dy=-10).encode(alt.Text("value:Q", format=".4f")))
    height = _ROW_PX * max(len(points.categories), 2)
    return _explored(_on(rows, layers).properties(width=_WIDTH_PX, height=height))


def _of_series(categories: Sequence[str], series: Series) -> Iterator[Row]:
    for number, (category, value) in enumerate(zip(categories, series.values, strict=True)):
        row = {"category": category, "label": series.label, "value": json_number(value)}
        yield {**row, **_ends(series, number)}


def _parallel(parallel: Parallel) -> alt.LayerChart:
    """Returns a chart with a line for each trial, from axis to axis, the best ones on top."""
    trials = sorted(range(len(parallel.ranks)), key=parallel.ranks.__getitem__)
    axes = [(axis.label, _heights(axis, axis.positions)) for axis in parallel.axes]
    places = [
        (label, heights and heights[trial], round(parallel.ranks[trial] * _RANKS))
        for trial in trials
        for label, heights in (*axes, (axes[0][0], None))  # nothing leads from a line to the next one
    ]
    # one mark for all lines of a colour: thousands of marks stall a browser
    rows = [
        {"axis": label, "height": height, "rank": rank, "order": number}
        for number, (label, height, rank) in enumerate(places)
    ]
    marks = [
        {"axis": axis.label, "height": height, "text": text}
        for axis in parallel.axes
        for height, text in zip(_heights(axis, axis.ticks), axis.ticks.values(), strict=True)
    ]
    head = alt.Axis(
        orient="top",
        labelAngle=-20,
        labelAlign="left",
        labelPadding=14,
        labelOverlap=False,
        labelLimit=0,
        domain=False,
        ticks=False,
    )
    base = alt.Chart().encode(alt.X("axis:N", sort=None, title=None, axis=head), alt.Y("height:Q", axis=None))
    colour = alt.Color("rank:Q", scale=alt.Scale(domain=[0, _RANKS], range=SCALE), legend=None)
    ticks = base.properties(data=alt.InlineData(marks))
    words = ticks.encode(text="text:N")
    layers = [
        base.mark_line(strokeOpacity=0.7, strokeWidth=1.2).encode(colour, order="order:Q"),
        ticks.mark_line(color=GREY, strokeWidth=1).encode(detail="axis:N"),
        words.mark_text(align="left", dx=5, dy=-5, style=HALO),
        words.mark_text(align="left", dx=5, dy=-5),
    ]
    width = max(_WIDTH_PX, _AXIS_PX * len(parallel.axes))
    return _on(rows, layers).properties(width=width, height=max(_HEIGHT_PX, width // 3))


def _ends(of: Curve | Series, number: int) -> Row:
    return {"low": json_number(of.low[number]), "high": json_number(of.high[number])} if of.low else {}


def _heights(axis: Axis, positions: Iterable[float]) -> Sequence[float]:
    """Returns where `positions` lie between the lowest of the axis (0) and its highest (1)."""
    low, high = min([*axis.positions, *axis.ticks]), max([*axis.positions, *axis.ticks])
    return [(position - low) / (high - low) if high > low else 0.5 for position in positions]


def _on(rows: Sequence[Row], layers: Iterable[alt.Chart]) -> alt.LayerChart:
    return alt.LayerChart(layer=list(layers), data=alt.InlineData(rows))


def _explored(chart: alt.LayerChart) -> alt.LayerChart:
    """Returns `chart` with zoom and a legend that can be clicked; a wheel without shift scrolls the page."""
    zoom = alt.selection_interval(name="zoom", bind="scales", zoom="wheel![event.shiftKey]")
    return chart.add_params(zoom, _SHOWN)


def _opacity() -> Any:
    return alt.when(_SHOWN).then(alt.value(1)).otherwise(alt.value(_PALE))


def _by_label(
    channel: type[alt.Color | alt.Shape | alt.StrokeDash],
    named: Sequence[Curve | Series],
    looks: Sequence[Any],
) -> Any:
    """Returns the channel that tells curves or series apart by their labels, with a legend of several."""
    labels = [each.label for each in named]
    looks = [looks[number % len(looks)] for number in range(len(labels))]
    scale = alt.Scale(domain=labels, range=looks)
    lines = all(isinstance(each, Curve) and not each.dots for each in named)
    if len(labels) < 2 or (lines and channel is alt.Shape):
        return channel("label:N", scale=scale, legend=None)
    columns = min(len(labels), max(1, _LEGEND_LETTERS // max(map(len, labels))))
    symbols: Row = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2} if lines else {}
    legend = alt.Legend(orient="bottom", title=None, labelLimit=_LABEL_PX, columns=columns, **symbols)
    return channel("label:N", scale=scale, legend=legend)


def _said(field: str, title: str) -> alt.Tooltip:
    if field in ("label", "category"):
        return alt.Tooltip(f"{field}:N", title=title)
    return alt.Tooltip(f"{field}:Q", title=title, format=".4~g" if field == "x" else ".4f")
