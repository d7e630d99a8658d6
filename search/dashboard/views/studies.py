"""List of all studies of a storage."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from search.dashboard.overview import overview


def show_studies(storage: Path) -> None:
    """Shows one row per study; which one to open is chosen above it."""
    table = overview(storage)
    st.caption(f"{len(table)} studies; choose one above to see its stages, trials and curves.")
    st.dataframe(
        table,
        hide_index=True,
        key="studies",
        alt="studies with their state, trials and latest result",
        column_config={
            "study": st.column_config.TextColumn(pinned=True),
            "decided": st.column_config.TextColumn(width="medium"),
            "latest result": st.column_config.TextColumn(width="large"),
            "changed": st.column_config.DatetimeColumn("changed (UTC)", format="YYYY-MM-DD HH:mm"),
        },
    )
