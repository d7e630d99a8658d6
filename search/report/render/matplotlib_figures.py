"""Figures as PNG pictures, and as SVG drawings in the colours of the page."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from search.report.document import Curve, Figure, Lines, Panel, Parallel, Points, Series
from search.report.render.letters import drawable
from search.report.render.palette import COLOURS, DASHES, SCALE

_DPI = 130
_PANEL_INCHES = (5.6, 3.8)
_NAMES_IN_A_ROW = 5  # of a legend
_NUMBERED = 10  # points of a series, above which their numbers would lie over one another
_INK, _INK_IN_THE_DARK = "#1f2328", "#e4e8ec"
# what a drawing of a page does in the dark: ink is light there, data keeps its colours
_DARK = (
    "<style>@media (prefers-color-scheme: dark) {"
    f"text {{ fill: {_INK_IN_THE_DARK} !important }}"
    f':not(text)[style*="{_INK}"] {{ stroke: {_INK_IN_THE_DARK} !important }}'
    "}</style>"
)
_SVG_SETTINGS = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "stagewise",  # else each drawing has other names in it
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


class ShownCanvas(Canvas):
    """A figure of matplotlib's that a notebook shows, also where nobody imported pyplot there."""

    def _repr_png_(self) -> bytes:
        return _png(self)


def picture(figure: Figure) -> bytes:
    """Returns `figure` as a PNG; the same figure gives the same bytes."""
    return _png(canvas_of(figure))


def drawing(figure: Figure) -> bytes:
    """Returns `figure` as an SVG without its caption, light or dark as its reader's screen is."""
    file = io.BytesIO()
    with style.context(["default", _SVG_SETTINGS]):
        canvas = _canvas(figure)
        canvas.suptitle("")  # the page has the caption below it
        canvas.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None}
        )
    return re.sub(rb"(<svg [^>]*>)", rb"\1" + _DARK.encode(), file.getvalue(), count=1)


def canvas_of(figure: Figure) -> ShownCanvas:
    """Returns `figure` as matplotlib's."""
    with style.context("default"):  # not a user's own matplotlibrc
        return _canvas(figure)


def _canvas(figure: Figure) -> ShownCanvas:
    canvas = ShownCanvas(dpi=_DPI, layout="constrained")
    FigureCanvasAgg(canvas)  # not pyplot: it keeps each figure alive, and may ask for a display
    match figure:
        case Lines():
            _lines(canvas, figure)
        case Points():
            _points(canvas, figure)
        case Parallel():
            _parallel(canvas, figure)
    return canvas


def _png(canvas: Canvas) -> bytes:
    file = io.BytesIO()
    with style.context("default"):  # savefig reads the settings again
        canvas.savefig(file, format="png", metadata={"Software": None})  # else the version
    return file.getvalue()


def _lines(canvas: Canvas, lines: Lines) -> None:
    columns = min(2, len(lines.panels))
    rows = -(-len(lines.panels) // columns)  # rounded up
    canvas.set_size_inches(_PANEL_INCHES[0] * (columns if columns > 1 else 1.3), _PANEL_INCHES[1] * rows)
    for panel, axes in zip(lines.panels, np.ravel(canvas.subplots(rows, columns)), strict=False):
        # one panel comes without an array, and three leave the fourth place free
        _panel(axes, panel)
        if len(lines.panels) > 1:
            axes.set_title(_plain(panel.title), fontsize="medium")
    _legend(canvas, canvas.axes[0])  # panels show the same curves
    canvas.suptitle(_plain(lines.caption), fontsize="medium")


def _panel(axes: Axes, panel: Panel) -> None:
    if panel.diagonal:
        axes.plot([0, 1], [0, 1], ":", color="#888888", linewidth=1)
    for number, curve in enumerate(panel.curves):
        _curve(axes, curve, number)
    _label(axes, panel.x_label, panel.y_label)
    if all(isinstance(x, int) for curve in panel.curves for x in curve.x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # there is no epoch 2.5


def _curve(axes: Axes, curve: Curve, number: int) -> None:
    colour, label = COLOURS[number % len(COLOURS)], _plain(curve.label)
    if curve.dots:
        bars = _error_bars(curve.y, curve.low, curve.high)
        axes.errorbar(curve.x, curve.y, bars, fmt="o", markersize=4, capsize=3, color=colour, label=label)
        return
    dashes = DASHES[number % len(DASHES)][1]
    steps = "steps-post" if curve.steps else "default"
    axes.plot(curve.x, curve.y, dashes, color=colour, label=label, linewidth=1.6, drawstyle=steps)
    if curve.low:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)


def _points(canvas: Canvas, points: Points) -> None:
    """Draws a row for each category: names of any length have room, and error bars lie side by side."""
    rows = len(points.categories)
    canvas.set_size_inches(_PANEL_INCHES[0] * 1.3, 1 + 0.45 * max(rows, 3))
    axes = canvas.subplots()
    for number, series in enumerate(points.series):
        _series(axes, series, number)
    axes.set_yticks(range(rows), list(map(_plain, points.categories)))
    axes.set_ylim(rows - 0.4, -0.6)  # the first on top
    _label(axes, points.y_label, points.x_label)
    _legend(canvas, axes)
    canvas.suptitle(_plain(points.caption), fontsize="medium", wrap=True)


def _series(axes: Axes, series: Series, number: int) -> None:
    """Draws the points of a series with their error bars and, where there are few, their numbers."""
    rows = [n for n, value in enumerate(series.values) if value is not None]
    values = _at(series.values, rows, [0.0] * len(rows))
    axes.errorbar(
        values,
        rows,
        xerr=_error_bars(values, *(_at(ends, rows, values) for ends in (series.low, series.high))),
        fmt="oD"[number % 2],
        markersize=7,
        fillstyle=("full", "none")[number % 2],  # equal points are seen through one another
        capsize=4,
        color=COLOURS[number],
        label=_plain(series.label),
    )
    if len(rows) > _NUMBERED:
        return
    for row, value in zip(rows, values, strict=True):
        axes.annotate(
            f"{value:.4f}",
            (value, row),
            xytext=(0, (7, -7)[number % 2]),  # above, of a second series below
            textcoords="offset points",
            ha="center",
            va=("bottom", "top")[number % 2],
            fontsize="small",
            color=COLOURS[number],
        )


def _legend(canvas: Canvas, axes: Axes) -> None:
    """Adds a legend of what `axes` show below them, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        columns = min(len(labels), _NAMES_IN_A_ROW)
        canvas.legend(
            handles, labels, fontsize="small", frameon=False, loc="outside lower center", ncols=columns
        )


def _parallel(canvas: Canvas, parallel: Parallel) -> None:
    canvas.set_size_inches(_PANEL_INCHES[0] * 1.6, _PANEL_INCHES[1] * 1.1)
    axes = canvas.subplots()
    scale = LinearSegmentedColormap.from_list("rank", SCALE)
    heights = np.array([_share(axis.positions, axis.positions) for axis in parallel.axes])
    for trial in np.argsort(parallel.ranks, kind="stable"):  # the best ones on top
        axes.plot(heights[:, trial], color=scale(parallel.ranks[trial]), alpha=0.75, linewidth=1.2)
    for number, axis in enumerate(parallel.axes):
        axes.axvline(number, color="#555555", linewidth=1)
        for height, text in zip(_share(list(axis.ticks), axis.positions), axis.ticks.values(), strict=True):
            axes.annotate(
                _plain(text),
                (number, height),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize="x-small",
                bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.7, "linewidth": 0},
            )
    axes.set_xticks(range(len(parallel.axes)), [_plain(axis.label) for axis in parallel.axes])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    canvas.suptitle(_plain(parallel.caption), fontsize="medium")


def _label(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set_xlabel(_plain(x_label))
    axes.set_ylabel(_plain(y_label))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _share(values: Sequence[float], among: Sequence[float]) -> np.ndarray:
    """Returns where `values` lie between the lowest (0) and the highest (1) of `among`."""
    low, high = min(among), max(among)
    array = np.asarray(values, dtype=np.float64)
    return (array - low) / (high - low) if high > low else np.full(array.shape, 0.5)


def _error_bars(values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> np.ndarray | None:
    if not low:
        return None
    below, above = np.subtract(values, low), np.subtract(high, values)
    return np.maximum([below, above], 0)  # matplotlib refuses lengths that rounding took below 0


def _at(values: Sequence[float | None], numbers: Sequence[int], otherwise: Sequence[float]) -> list[float]:
    """Returns the values of those `numbers`, where there are any; `otherwise` has what stands for None."""
    if not values:
        return []
    found = (values[number] for number in numbers)
    return [default if value is None else value for value, default in zip(found, otherwise, strict=True)]


def _plain(text: str) -> str:
    """Returns `text` in letters that can be drawn, and dollar signs as such: one would begin a formula."""
    return drawable(text).replace("$", r"\$")
