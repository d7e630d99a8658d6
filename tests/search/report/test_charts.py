"""A figure as a chart: all of its values are in it, and it is drawn alike everywhere."""

from __future__ import annotations

import io
import json
import math

from PIL import Image

from search.report.document import Axis, Curve, Lines, Panel, Parallel, Points, Series
from search.report.render.charts import CLICKED, chart_of, charts_of, panel_chart
from search.report.render.drawing import drawing, of_the_page, picture

HOSTILE = "</svg><script>$a|b$ 犬"


def lines(*curves: Curve, panels: int = 1) -> Lines:
    panel = Panel(title="panel", x_label="epoch", y_label="loss", curves=curves)
    return Lines(name="lines", caption="", panels=[panel] * panels)


def test_value_that_is_not_finite_leaves_a_gap_in_its_curve() -> None:
    (chart,) = charts_of(lines(Curve(label="a", x=[1, 2, 3], y=[0.5, math.nan, math.inf])))
    assert [row["y"] for row in chart.data.values] == [0.5, None, None]
    assert drawing(lines(Curve(label="a", x=[1, 2], y=[math.nan, math.nan])))


def test_axis_begins_where_the_lowest_error_bar_ends_and_not_at_nought() -> None:
    series = Series(label="ours", values=[0.91, None], low=[0.90, None], high=[0.92, None])
    points = Points(
        name="p", caption="", x_label="", y_label="accuracy", categories=["a", "b"], series=[series]
    )
    specification = chart_of(points).to_dict()
    rows = [row for rows in specification["datasets"].values() for row in rows]
    assert [(row["category"], row["low"], row["high"]) for row in rows] == [
        ("a", 0.90, 0.92),
        ("b", None, None),
    ]
    scales = [layer["encoding"]["x"].get("scale", {}) for layer in specification["layer"]]
    assert any(scale.get("zero") is False for scale in scales)
    assert not any("domain" in scale for scale in scales)


def test_only_points_of_known_trials_can_be_clicked() -> None:
    curves = [Curve(label="a", x=[1, 2], y=[0.1, 0.2]), Curve(label="b", x=[1], y=[0.3], trial="key")]
    names = [
        {param["name"] for param in panel_chart(figure.panels[0]).to_dict()["params"]}
        for figure in (lines(curves[0]), lines(*curves))
    ]
    assert [CLICKED in found for found in names] == [False, True]


def test_parallel_coordinates_draw_the_best_line_last_and_none_between_two() -> None:
    axes = [Axis(label=label, positions=[0.0, 1.0], ticks={0.0: "low", 1.0: "high"}) for label in ("a", "b")]
    (chart,) = charts_of(Parallel(name="p", caption="", axes=axes, ranks=[1.0, 0.0]))
    rows = chart.data.values
    assert [row["height"] for row in rows] == [1.0, 1.0, None, 0.0, 0.0, None]
    assert rows[0]["rank"] < rows[-1]["rank"]


def test_names_are_text_in_every_form() -> None:
    figure = lines(Curve(label=HOSTILE, x=[1, 2], y=[0.1, 0.2]), Curve(label="b", x=[1, 2], y=[0.2, 0.1]))
    (svg,) = drawing(figure)
    assert "<script" not in svg
    assert "<script" not in of_the_page(svg, HOSTILE)
    assert HOSTILE in json.dumps(chart_of(figure).to_dict(), ensure_ascii=False)


def test_same_figure_gives_the_same_bytes_and_its_panels_stand_in_two_columns() -> None:
    curve = Curve(label="a", x=[1, 2], y=[0.1, 0.2], low=[0.0, 0.1], high=[0.2, 0.3])
    one, four = (drawing(lines(curve, panels=panels)) for panels in (1, 4))
    assert one == drawing(lines(curve))
    assert picture(one) == picture(one)
    small, large = (Image.open(io.BytesIO(picture(panels))) for panels in (one, four))
    assert large.width > 1.9 * small.width
    assert large.height > 1.9 * small.height
