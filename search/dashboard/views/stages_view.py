"""Tab of the stages: each as the report has it, published numbers beside ours."""

from __future__ import annotations

import streamlit as st

from search.dashboard.blocks import show_blocks
from search.report.sections.handover import hand_over_section
from search.report.sections.stages import stage_section
from search.report.words import stage_title
from search.study.snapshot import Snapshot


def show_stages(snapshot: Snapshot) -> None:
    """Shows the stage that is chosen, the last one until somebody chooses."""
    if not snapshot.staged:
        st.info("No stage is decided yet. The trials so far are in the tab Trials.")
        return
    titles = {stage_title(result): result for result in snapshot.staged}
    names = list(titles)
    chosen = st.selectbox("Stage", names, index=len(names) - 1, key="stage", bind="query-params")
    section = stage_section(snapshot, titles[chosen])
    st.subheader(section.title, anchor=False)
    show_blocks(section.blocks, f"stage-{section.name}")
    section = hand_over_section(snapshot)
    st.subheader(section.title, anchor=False)
    show_blocks(section.blocks, "hand-over")
