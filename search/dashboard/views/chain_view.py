"""Tab of the chain of stages, and what is trained right now."""

from __future__ import annotations

import streamlit as st

from search.dashboard.blocks import plain, show_blocks, show_chart
from search.dashboard.curves import trial_curves
from search.dashboard.figures import learning_curves
from search.dashboard.stage_progress import DONE, RUNNING, WAITING, Link, chain_of, latest_result
from search.dashboard.trials import OBJECTIVE_COLUMN, objective_of, trial_table
from search.report.sections.protocol import differences_alert
from search.report.sections.summary import key_numbers
from search.space.labels import label_of
from search.study.facts import StudyFacts
from search.study.live_state import LiveState
from search.study.snapshot import Snapshot

_CARD_PX = 236
_BADGES = {
    DONE: ("green", ":material/check:"),
    RUNNING: ("blue", ":material/play_arrow:"),
    WAITING: ("gray", None),
}


def show_chain(snapshot: Snapshot) -> None:
    """Shows how far the search is, stage by stage."""
    show_blocks(key_numbers(snapshot), "best")
    links = chain_of(snapshot)
    if not links:
        st.info("No stage is decided yet, and none is being trained.")
    with st.container(horizontal=True, gap="small"):
        for link in links:
            with st.container(border=True, width=_CARD_PX):
                _show_card(link)
    _show_running(snapshot)
    if latest := latest_result(snapshot):
        st.markdown("**Latest result** ({}). {}".format(*map(plain, latest)))
    if snapshot.results and snapshot.facts != StudyFacts():
        show_blocks(differences_alert(snapshot), "chain")


def _show_card(link: Link) -> None:
    st.markdown(f"**{plain(link.title)}**")
    colour, icon = _BADGES.get(link.state, ("orange", ":material/warning:"))
    text = link.state + (f" · {link.time}" if link.time else "")
    st.badge(plain(text), color=colour, icon=icon)  # type: ignore[arg-type]
    if link.progress is not None:
        st.progress(link.progress, text=link.margin)
    if link.progress is not None or link.state != DONE:
        return
    published = f" (published {plain(link.published)})" if link.published else ""
    value, score, margin = plain(link.winner), plain(link.score), plain(link.margin)
    st.markdown(f"**{value}**{published}  \n{score} · {plain(link.verdict)}  \n{margin}")
    if link.taken_over:
        handed = ", ".join(f"{name} {value}" for name, value in link.taken_over.items())
        st.caption(f"taken over: {plain(handed)}")


def _show_running(snapshot: Snapshot) -> None:
    live = snapshot.live
    if live is None or live.state is not LiveState.RUNNING:
        return
    if not live.running:
        st.caption("No trial is in training at the moment; perhaps features are being computed.")
        return
    table, objective = trial_table(snapshot), objective_of(snapshot)
    st.markdown("**In training**")
    for row in table[table["status"] == "RUNNING"].to_dict("records"):
        accuracy = f", {objective.short_name} {row[OBJECTIVE_COLUMN]:.4f}" if row["epochs"] else ""
        text = f"{row['stage']} {row['value']} · seed {row['seed']}, split {row['split']}"
        share = min(1.0, row["epochs"] / row["of"])  # more than 1 is an error of Streamlit's
        st.progress(share, text=plain(f"{text} · epoch {row['epochs']} of {row['of']}{accuracy}"))
    curves = trial_curves(snapshot, table, [trial.key for trial in live.running], "val_accuracy")
    if curves:
        figure = learning_curves(curves, label_of("val_accuracy"))
        show_chart(figure, "running-curves", "validation accuracy by epoch of the trials in training")
