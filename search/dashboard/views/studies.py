"""List of all studies of a storage."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from search.dashboard.blocks import clicked_row
from search.dashboard.overview import overview

OPENED = "opened study"  # the one whose row was clicked
_MOST_PX = 720


def show_studies(storage: Path) -> None:
    """Shows one row per study; a click beside one opens it."""
    table = overview(storage)
    st.caption(
        f"{len(table)} studies; click the box beside a row to open the study. The small chart shows the "
        "best so far among the configurations that its searches compared, each chart on a scale of its own."
    )
    opened = clicked_row(
        table,
        table["study"].tolist(),
        "studies",
        _MOST_PX,
        alt="studies with their state, score, trials and latest result",
        column_config={
            "study": st.column_config.TextColumn(pinned=True),
            "score": st.column_config.NumberColumn(format="%.4f", help="objective of the latest winner"),
            "best so far": st.column_config.LineChartColumn(width="small"),
            "decided": st.column_config.TextColumn(width="medium"),
            "latest result": st.column_config.TextColumn(width="medium"),
            "changed": st.column_config.DatetimeColumn("changed (UTC)", format="YYYY-MM-DD HH:mm"),
        },
    )
    if opened:
        st.session_state[OPENED] = opened
        st.rerun(scope="app")
