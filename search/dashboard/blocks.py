"""Blocks of the report, as the page shows them: paragraphs, tables, figures."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils.schemapi import debug_mode

from data_prep.pictures.thumbnail import thumbnail
from search.report.document import (
    Alert,
    Block,
    Bullets,
    Figure,
    Gallery,
    KeyNumbers,
    Paragraph,
    Parallel,
    PngImage,
    Table,
)
from search.report.render.charts import CLICKED, HALO, Chart, charts_of

TRIAL = "trial"  # in the address of a trial's page
_TEXT, _TEXT_IN_THE_DARK = "#41454f", "#e4e8ec"
_PICTURE_PX = 150  # two beside each other on a phone
_ROW_PX = 35  # of a table
_MOST_IN_A_ROW = 4  # filters of parallel coordinates


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
    with st.container(horizontal=True, gap="small"):  # as many in a row as there is room for
        for picture in gallery.pictures:
            small = _thumbnail(picture.path)
            with st.container(width=_PICTURE_PX, gap=None):
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


def show_chart(chart: Chart, key: str, description: str) -> None:
    """Shows a chart; `description` is for those who do not see it.

    A click on a point that carries the key of a trial opens that trial's page.
    """
    params: Any = chart.params
    leads = params is not alt.Undefined and any(param.name == CLICKED for param in params)
    with debug_mode(False):  # else the chart is checked against a schema, which takes most of the time
        chosen: Any = st.altair_chart(
            _shown(chart),
            key=key,
            alt=description,
            width="stretch",
            on_select="rerun" if leads else "ignore",
            selection_mode=CLICKED if leads else None,
        )
    points = chosen.get("selection", {}).get(CLICKED, ()) if leads else ()
    if trial := next((point[CLICKED] for point in points if point.get(CLICKED)), None):
        open_trial(trial)


def _shown(chart: Chart) -> Chart:
    """Gives texts a contrast of 4.5 to 1 (WCAG 2.2 AA) on lines, and on white, where Streamlit has 3.7."""
    dark = st.context.theme.type == "dark"
    ink, ground = (_TEXT_IN_THE_DARK, "#0e1117") if dark else (_TEXT, "#ffffff")
    words = {"labelColor": ink, "titleColor": ink}
    styled: Chart = chart.configure(
        style={HALO: {"stroke": ground, "strokeWidth": 3}}, axis=words, legend=words, text={"color": ink}
    )
    # else the legend takes the height of the plot
    return styled.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))


def show_one_of_each() -> None:
    """Shows a chart, a table and code to nobody, in a tab that is closed.

    A browser fetches the code of each kind when it first has one to draw: here while nobody waits.
    """
    st.dataframe(pd.DataFrame({"a": [0]}))
    st.altair_chart(alt.Chart(alt.InlineData([{"a": 0}])).mark_point().encode(x="a:Q"))
    st.code("0", language=None)


def show_charts(charts: Sequence[Chart], key: str, description: str) -> None:
    """Shows charts in two columns, or the only one over both."""
    places = st.columns(2) if len(charts) > 1 else [st.container()]
    for number, chart in enumerate(charts):
        with places[number % len(places)]:
            show_chart(chart, f"{key}-{number}", description)


def clicked_row(
    table: pd.DataFrame, names: Sequence[str], key: str, most_px: int, **shown: Any
) -> str | None:
    """Shows a table whose rows can be clicked, and returns which of `names`, one for each row, was.

    The click was made on the rows as they were: what came since may have moved them. It counts once, though
    a slow browser sends it again with the next one.
    """
    clicks = st.session_state.get(f"{key} clicks", 0)
    chosen: Any = st.dataframe(
        table,
        hide_index=True,
        key=f"{key} {clicks}",
        height=min(most_px, _ROW_PX * (len(table) + 1) + 3),
        placeholder="-",
        on_select="rerun",
        selection_mode="single-row",
        **shown,
    )
    before = st.session_state.get(f"{key} shown", [])
    st.session_state[f"{key} shown"] = list(names)
    rows = chosen.get("selection", {}).get("rows", ())
    clicked = next((before[row] for row in rows if row < len(before)), None)
    st.session_state[f"{key} clicks"] = clicks + bool(clicked)
    return clicked


def open_trial(key: str) -> NoReturn:
    """Opens the page of the trial `key`, whose address names it."""
    st.query_params[TRIAL] = key
    st.rerun(scope="app")


def plain(text: str) -> str:
    """Returns `text` on one line in which nothing is markup to Streamlit."""
    line = re.sub(r"([\\`*_\[\]<>|#~&$:{}])", r"\\\1", " ".join(text.split()))
    return re.sub(r"^(\d*)([-+.)])", r"\1\\\2", line)  # else an item of a list


def _show_figure(figure: Figure, key: str) -> None:
    if isinstance(figure, Parallel):
        figure = _filtered(figure, key)
    if not isinstance(figure, Parallel) or figure.ranks:
        show_charts(charts_of(figure), key, figure.caption)
    st.caption(plain(figure.caption))


def _filtered(parallel: Parallel, key: str) -> Parallel:
    """Asks for a range on each axis, and returns the lines alone that cross all axes there."""
    ranges = []
    with st.expander("Filter"):
        places = st.columns(_MOST_IN_A_ROW)
        for number, axis in enumerate(parallel.axes):
            marks = sorted(axis.ticks)
            with places[number % len(places)]:
                ranges.append(
                    st.select_slider(
                        plain(axis.label),
                        marks,
                        (marks[0], marks[-1]),
                        format_func=axis.ticks.__getitem__,
                        key=f"{key}-{number}",
                    )
                    if len(marks) > 1
                    else (marks[0], marks[0])
                )
    return parallel.within(ranges)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {plain(item)}" for item in items)
