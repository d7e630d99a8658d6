"""Tab of what went wrong, and of the machine: failed trials, damaged files, nodes."""

from __future__ import annotations

import streamlit as st

from search.dashboard.blocks import plain, show_chart, show_table
from search.dashboard.figures import timeline
from search.dashboard.machine import failures, machine_facts, nodes_of, timeline_of
from search.report.document import Table
from search.study.snapshot import Snapshot


def show_machine(snapshot: Snapshot) -> None:
    """Shows failed trials with their reasons, what could not be read, and where trials ran."""
    st.subheader("Failed trials", anchor=False)
    failed = failures(snapshot)
    if not failed:
        st.success("No trial failed.")
    for failure in failed:
        with st.expander(plain(f"{failure.label}: {failure.reason}")):
            st.code(failure.log or "it failed before its first epoch", language=None)
    if snapshot.unread:
        st.subheader("Files that could not be read", anchor=False)
        for file in snapshot.unread:
            st.markdown(f"- {plain(file)}")
    st.subheader("Machine and cluster", anchor=False)
    facts = list(machine_facts(snapshot.live))
    if facts:
        show_table(Table(caption="The latest run", columns=("fact", "value"), rows=facts))
    else:
        st.caption("The latest run left no live state.")
    nodes = nodes_of(snapshot.trials.values())
    if not nodes.empty:
        rows = nodes.astype(str).to_numpy().tolist()
        show_table(Table(caption="Where trials ran", columns=list(nodes.columns), rows=rows))
    _show_timeline(snapshot)


def _show_timeline(snapshot: Snapshot) -> None:
    if ran := timeline_of(snapshot):
        st.subheader("When trials ran", anchor=False)
        show_chart(timeline(ran), "timeline", f"when each of {len(ran)} trials ran, and on which node")
        st.caption(
            f"The latest {len(ran):,} of {len(snapshot.trials):,} trials, by the moments at which their "
            "files were written. Bars below one another ran at the same time; a gap is a worker that waited."
        )
