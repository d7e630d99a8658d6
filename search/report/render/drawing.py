"""Charts as SVG, in whose page they are light or dark, and as PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TypeAlias

import vl_convert
from PIL import Image

from search.report.document import Document, Figure
from search.report.render.charts import HALO, charts_of

_INK, _GRID, _GROUND = "#1f2328", "#d8dee4", "#fffffe"
_OF_THE_PAGE = {_INK: "var(--text)", _GRID: "var(--line)", _GROUND: "var(--card)"}
_FONT = "Liberation Sans, Arimo, Arial, Helvetica, sans-serif"  # vl-convert brings the first along
_WORDS = {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 13, "titleFontSize": 13}
_CONFIG = {
    "background": _GROUND,
    # a browser's own font may be wider than the one in which the names of an axis are measured
    "padding": {"left": 24, "top": 10, "right": 10, "bottom": 10},
    "font": _FONT,
    "aria": False,  # the page says it of the whole
    "view": {"stroke": None},
    "axis": {
        **_WORDS,
        "domainColor": _INK,
        "tickColor": _INK,
        "gridColor": _GRID,
        "titleFontWeight": "normal",
        "titlePadding": 10,  # numbers are wider in a browser without that font
    },
    "legend": _WORDS,
    "title": {"color": _INK},
    "text": {"color": _INK},
    "style": {HALO: {"stroke": _GROUND, "strokeWidth": 3}},
}
_SIDES = re.compile(r'width="([\d.]+)" height="([\d.]+)"')
_UNSEEN = re.compile(
    r'<path class="(?:back|fore)ground"[^>]*>|<defs>.*?</defs>'
    r'| (?:class|role|aria-\w+|pointer-events|clip-path)="[^"]*"| opacity="1"'
)
_WIDE_PX = 700  # a drawing of more takes the width of the page
_COLOURS = 64  # of a PNG, which is a seventh as large with few
_PIXELS = 1.5  # of a PNG for one of the drawing

Drawing: TypeAlias = Sequence[str]
"""The panels of a figure as SVG, black on white."""


def drawings_of(document: Document) -> Mapping[str, Drawing]:
    """Returns the drawing of each figure by the figure's name."""
    return {figure.name: drawing(figure) for figure in document.figures()}


def drawing(figure: Figure) -> Drawing:
    """Returns the drawing of `figure`; the same figure gives the same text."""
    charts = (chart.to_dict(validate=False) for chart in charts_of(figure))
    return [
        _UNSEEN.sub("", vl_convert.vegalite_to_svg(chart, config=_CONFIG, allowed_base_urls=[]))
        for chart in charts
    ]


def picture(panels: Drawing) -> bytes:
    """Returns a drawing as PNG, its panels in two columns; the same drawing gives the same bytes."""
    sides = [tuple(map(float, found.groups())) for found in map(_SIDES.search, panels) if found]
    across, down = map(max, zip(*sides, strict=True))
    places = [(across * (number % 2), down * (number // 2)) for number in range(len(panels))]
    inside = "".join(
        svg.replace("<svg ", f'<svg x="{x}" y="{y}" ', 1) for svg, (x, y) in zip(panels, places, strict=True)
    )
    size = f'width="{max(x for x, _ in places) + across}" height="{places[-1][1] + down}"'
    ground = f'<rect {size} fill="{_GROUND}"/>'
    whole = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{inside}</svg>'
    file = io.BytesIO()
    with Image.open(io.BytesIO(vl_convert.svg_to_png(whole, _PIXELS))) as drawn:
        drawn.convert("RGB").quantize(_COLOURS).save(file, "PNG")
    return file.getvalue()


def of_the_page(panel: str, title: str) -> str:
    """Returns a panel of a drawing as part of a page, in whose colours it is drawn."""
    for colour, variable in _OF_THE_PAGE.items():
        panel = panel.replace(colour, variable)
    found = _SIDES.search(panel)
    wide = ' class="wide"' if found and float(found[1]) > _WIDE_PX else ""
    return panel.replace("<svg ", f'<svg{wide} role="img" aria-label="{escape(title)}" ', 1)
