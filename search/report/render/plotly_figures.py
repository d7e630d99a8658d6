"""Figures for the browser: plotly descriptions as JSON, without colours that depend on light or dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape  # plotly reads tags in its texts

import plotly.graph_objects as go

from search.report.document import Curve, Figure, Lines, Panel, Parallel, Points
from search.report.render.palette import COLOURS, DASHES, SCALE, translucent

_PLAIN = go.layout.Template()  # plotly's own would put its colours into every figure
_HEIGHT_PX = 380
_HOVER = "%{y:.4f} at %{x}<extra>%{fullData.name}</extra>"
_LEGEND = {"orientation": "h", "yanchor": "top", "y": -0.22, "x": 0}
_MARGIN = {"l": 60, "r": 15, "t": 40, "b": 60}
_WIDE_MARGIN = {"l": 70, "r": 70, "t": 75, "b": 25}  # parallel coordinates have text on all sides


def plotly_figures(figure: Figure) -> Iterator[tuple[str, str, str]]:
    """Yields name, title and plotly JSON of each part of `figure`: a panel of lines, or the whole."""
    match figure:
        case Lines():
            for number, panel in enumerate(figure.panels, 1):
                title = panel.title if len(figure.panels) > 1 else ""
                yield f"{figure.name}-{number}", panel.title, _json(_panel(panel), title)
        case Points():
            yield figure.name, figure.caption, _json(_points(figure), "")
        case Parallel():
            yield figure.name, figure.caption, _json(_parallel(figure), "", _WIDE_MARGIN)


def _json(figure: go.Figure, title: str, margin: Mapping[str, int] = _MARGIN) -> str:
    figure.update_layout(
        template=_PLAIN,
        height=_HEIGHT_PX,
        margin=margin,
        legend=_LEGEND,
        title={"text": escape(title), "font": {"size": 14}} if title else None,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)", "remove": ["select2d", "lasso2d", "zoomin", "zoomout", "pan"]},
    )
    text: str = figure.to_json(engine="json")  # plotly takes orjson where it is installed: other bytes
    return text


def _panel(panel: Panel) -> go.Figure:
    figure = go.Figure()
    if panel.diagonal:
        dots = {"dash": "dot", "color": "#888888", "width": 1}
        figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=dots, hoverinfo="skip", showlegend=False)
    for number, curve in enumerate(panel.curves):
        # a band comes before its line, which would else lie below it
        figure.add_traces(_dots(curve, number) if curve.dots else _line(curve, number))
    figure.update_xaxes(title=escape(panel.x_label))
    figure.update_yaxes(title=escape(panel.y_label))
    figure.update_layout(showlegend=len(panel.curves) > 1)
    return figure


def _line(curve: Curve, number: int) -> list[go.Scatter]:
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)][0]
    line = go.Scatter(
        x=list(curve.x),
        y=list(curve.y),
        name=escape(curve.label),
        legendgroup=curve.label,
        mode="lines",
        line={"color": colour, "dash": dash, "width": 2, "shape": "hv" if curve.steps else "linear"},
        hovertemplate=_HOVER,
    )
    if not curve.low:
        return [line]
    band = go.Scatter(
        x=[*curve.x, *reversed(curve.x)],
        y=[*curve.high, *reversed(curve.low)],
        legendgroup=curve.label,  # a click in the legend hides it with its curve
        mode="lines",
        fill="toself",
        fillcolor=translucent(colour),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    return [band, line]


def _dots(curve: Curve, number: int) -> list[go.Scatter]:
    return [
        go.Scatter(
            x=list(curve.x),
            y=list(curve.y),
            name=escape(curve.label),
            mode="markers",
            marker={"color": COLOURS[number % len(COLOURS)], "size": 7},
            error_y=_error_bars(curve.y, curve.low, curve.high) if curve.low else None,
            hovertemplate=_HOVER,
        )
    ]


def _points(points: Points) -> go.Figure:
    figure = go.Figure()
    for number, series in enumerate(points.series):
        symbol = ("circle", "diamond-open")[number % 2]
        figure.add_scatter(
            x=[escape(name) for name in points.categories],
            y=list(series.values),
            name=escape(series.label),
            mode="markers",
            marker={"color": COLOURS[number], "size": 10, "symbol": symbol},
            error_y=_error_bars(series.values, series.low, series.high) if series.low else None,
            hovertemplate=_HOVER,
        )
    # categories: plotly would put 0.001 and 0.1 at their size, and all small ones into one place
    figure.update_xaxes(title=escape(points.x_label), type="category", automargin=True)
    figure.update_yaxes(title=escape(points.y_label))
    figure.update_layout(showlegend=len(points.series) > 1)
    return figure


def _parallel(parallel: Parallel) -> go.Figure:
    dimensions = [
        {
            "label": axis.label,
            "values": list(axis.positions),
            "tickvals": list(axis.ticks),
            "ticktext": [escape(text) for text in axis.ticks.values()],
        }
        for axis in parallel.axes
    ]
    line = {"color": list(parallel.ranks), "colorscale": [list(stop) for stop in SCALE], "showscale": False}
    return go.Figure(go.Parcoords(dimensions=dimensions, line=line))


def _error_bars(
    values: Sequence[float | None], low: Sequence[float | None], high: Sequence[float | None]
) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [_distance(end, value) for value, end in zip(values, high, strict=True)],
        "arrayminus": [_distance(value, end) for value, end in zip(values, low, strict=True)],
        "thickness": 1.5,
        "width": 5,
    }


def _distance(upper: float | None, lower: float | None) -> float:
    return 0.0 if upper is None or lower is None else max(0.0, upper - lower)
