"""HTML file of the report, which needs nothing else: its figures are drawings inside it, no program is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from data_prep.pictures.thumbnail import thumbnail
from search.report.document import Block, Document, Figure
from search.report.render.drawing import Drawing, of_the_page, picture

_SHORT = 18  # characters
_LARGEST_DRAWING = 150_000  # bytes; that of thousands of trials is larger than its picture


def to_html(document: Document, drawings: Mapping[str, Drawing]) -> str:
    """Returns the report as HTML, with the drawing of each figure by its name; the same text for the same."""

    def drawn(figure: Figure) -> Markup:
        return _drawn(figure, drawings[figure.name])

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(base64=_base64, drawn=drawn, kind=_kind, thumbnail=thumbnail, width=_width)
    template, style = (
        files("search.report").joinpath(name).read_text("utf-8") for name in ("page.html", "page.css")
    )
    return environment.from_string(template).render(document=document, style=Markup(style))


def _kind(block: Block) -> str:
    return type(block).__name__


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _width(cell: str) -> str:
    """Returns the class of a cell: figures with a spread stay on one line, long digests break anywhere."""
    if len(cell) <= _SHORT:
        return " class=short"
    return " class=long" if max(map(len, cell.split())) > _SHORT else ""


def _drawn(figure: Figure, panels: Drawing) -> Markup:
    """Returns the panels of a figure in the colours of the page, or a picture where that is smaller."""
    if sum(map(len, panels)) > _LARGEST_DRAWING:
        source = f"data:image/png;base64,{_base64(picture(panels))}"
        return Markup('<img src="{}" alt="{}">').format(source, figure.caption)
    return Markup("".join(of_the_page(svg, figure.caption) for svg in panels))
