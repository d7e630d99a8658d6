"""Blocks of the report, as the page shows them: paragraphs, tables, figures."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from data_prep.pictures.thumbnail import thumbnail
from search.report.document import (
    Alert,
    Block,
    Bullets,
    Figure,
    Gallery,
    KeyNumbers,
    Lines,
    Paragraph,
    PngImage,
    Table,
)
from search.report.render.plotly_figures import plotly_figures

_TEXT = "#41454f"
_PICTURES_IN_A_ROW = 8
_CONFIG: Mapping[str, Any] = {"displaylogo": False, "displayModeBar": False}


def show_blocks(blocks: Iterable[Block], key: str) -> None:
    """Shows `blocks` in their order; `key` names the place and is unique on the page."""
    for number, block in enumerate(blocks):
        match block:
            case Paragraph():
                st.markdown(plain(block.text))
            case Bullets():
                st.markdown(_list(block.items))
            case KeyNumbers():
                _show_numbers(block)
            case Alert():
                st.warning(f"**{plain(block.title)}**\n\n{_list(block.items)}")
            case Table():
                show_table(block)
            case PngImage():
                st.image(block.png, caption=plain(block.caption))
            case Gallery():
                _show_gallery(block)
            case _:
                _show_figure(block, f"{key}-{number}")


def _show_numbers(numbers: KeyNumbers) -> None:
    for place, item in zip(st.columns(len(numbers.items)), numbers.items, strict=True):
        with place, st.container(border=True):
            st.metric(plain(item.title), item.number)
            st.caption(plain(item.text))


def _show_gallery(gallery: Gallery) -> None:
    st.caption(plain(gallery.caption))
    for start in range(0, len(gallery.pictures), _PICTURES_IN_A_ROW):
        row = gallery.pictures[start : start + _PICTURES_IN_A_ROW]
        for place, picture in zip(st.columns(_PICTURES_IN_A_ROW), row, strict=False):
            small = _thumbnail(picture.path)
            with place:
                if small:
                    st.image(small, width="stretch")
                else:
                    st.caption("the picture is not here")
                st.caption("  \n".join(map(plain, picture.lines)))


# the page is made again every few seconds; a picture of the data does not change
@functools.lru_cache(maxsize=512)
def _thumbnail(path: Path) -> bytes:
    return thumbnail(path)


def show_table(table: Table) -> None:
    """Shows a table that needs no sorting, as HTML that screen readers know; the first column heads rows."""
    rows = [
        [f"**{plain(cell)}**" if cell and number in table.strong else plain(cell) for cell in row]
        for number, row in enumerate(table.rows)
    ]
    st.caption(plain(table.caption))
    # a blank name is that of the index; others must differ
    columns = pd.Index([plain(name) or " " for name in table.columns])
    frame = pd.DataFrame(rows, columns=columns)
    st.table(frame.set_index(columns[0]), border="horizontal", alt=table.caption)


def show_plotly(figure: go.Figure, key: str, description: str) -> None:
    """Shows a figure of plotly's; `description` is for those who do not see it."""
    if st.context.theme.type != "dark":
        _darken(figure)
    st.plotly_chart(figure, key=key, config=dict(_CONFIG), alt=description)


def _darken(figure: go.Figure) -> None:
    """Gives texts a contrast of 4.5 to 1 (WCAG 2.2 AA) on white, where Streamlit has 3.7."""
    figure.update_layout(font_color=_TEXT, legend_font_color=_TEXT)
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont_color=_TEXT, title_font_color=_TEXT)
    fonts = dict.fromkeys(("labelfont_color", "tickfont_color", "rangefont_color"), _TEXT)
    figure.update_traces(fonts, selector={"type": "parcoords"})


def plain(text: str) -> str:
    """Returns `text` on one line in which nothing is markup to Streamlit."""
    line = re.sub(r"([\\`*_\[\]<>|#~&$:{}])", r"\\\1", " ".join(text.split()))
    return re.sub(r"^(\d*)([-+.)])", r"\1\\\2", line)  # else an item of a list


def _show_figure(figure: Figure, key: str) -> None:
    parts = list(plotly_figures(figure))
    places = st.columns(2) if isinstance(figure, Lines) and len(parts) > 1 else [st.container()]
    for number, (_, title, description) in enumerate(parts):
        shown = go.Figure(json.loads(description))
        shown.update_layout(uirevision="kept")  # zoom and hidden curves outlast a refresh
        with places[number % len(places)]:
            show_plotly(shown, f"{key}-{number}", f"{figure.caption}: {title}")
    st.caption(plain(figure.caption))


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {plain(item)}" for item in items)
