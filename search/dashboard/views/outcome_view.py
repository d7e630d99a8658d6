"""Tab of the outcome: the final comparison, the winner to copy, and its errors."""

from __future__ import annotations

import json

import streamlit as st

from data_prep.storage.regular_files import MOST_TEXT, read_regular
from data_prep.storage.remote import shown
from search.dashboard.blocks import plain, show_blocks, show_chart
from search.dashboard.commands import command_around, winner_options
from search.dashboard.figures import confusion
from search.dashboard.views.photograph_view import show_photograph_box
from search.report.sections.errors import errors_section
from search.report.sections.finetune import final_errors_sections, finetune_sections
from search.report.sections.outcome import elsewhere_section, outcome_section
from search.report.sections.ways import leader_of
from search.report.words import stage_title
from search.study.layout import Layout
from search.study.snapshot import Snapshot
from search.study.stage_results import Result


def show_outcome(snapshot: Snapshot) -> None:
    """Shows what the study ended with so far."""
    results = [result for result in (snapshot.last, snapshot.joint) if result and result.winner]
    if not results:
        st.info("Nothing is decided yet, so there is no outcome.")
        return
    _show_final_model(snapshot)
    for section in (outcome_section(snapshot), *finetune_sections(snapshot)):
        st.subheader(section.title, anchor=False)
        show_blocks(section.blocks, section.name)
    names, leader = {stage_title(result): result for result in results}, leader_of(snapshot)
    leads = [leader is not None and leader.config == result.winner for result in results]
    at = leads.index(True) if any(leads) else 0  # first the one that became the final model
    chosen = names[
        st.radio("Winner of", list(names), index=at, key="winner", horizontal=True, bind="query-params")
    ]
    _show_winner(snapshot, chosen)
    _show_errors(snapshot, chosen)
    if snapshot.facts.is_of_gender:
        section = elsewhere_section(snapshot)
        st.subheader(section.title, anchor=False)
        show_blocks(section.blocks, "elsewhere")


def _show_final_model(snapshot: Snapshot) -> None:
    """Shows where the final model lies, how to use it, a box for a photograph, and its card, once made."""
    model = Layout(snapshot.folder).model
    card = model.with_name("model_card.md")
    if not model.exists():
        return
    st.subheader("Final model", anchor=False)
    st.markdown(plain(f"{shown(model)}, {model.stat().st_size / 1e6:.0f} MB; plain Keras loads it."))
    commands = (f"search.predict {snapshot.name} PHOTO …", f"search.export {snapshot.name} --format onnx")
    st.code("\n".join(f"python -m {command}" for command in commands), language=None, wrap_lines=True)
    show_photograph_box(model)
    try:
        text = read_regular(card, MOST_TEXT).decode("utf-8", "replace")
    except OSError:  # not made, or no file
        return
    with st.expander("Its model card"):
        st.markdown(text)


def _show_winner(snapshot: Snapshot, result: Result) -> None:
    if result.winner is None:
        return
    st.markdown("**The winner as options**, for any command of search.run")
    st.code(winner_options(result.winner), language=None, wrap_lines=True)
    st.markdown("**The command that compares the values around it**, with three seeds each")
    st.code(command_around(snapshot, result), language=None, wrap_lines=True)
    with st.expander("The winner as JSON"):
        st.code(json.dumps(result.winner.to_dict(), indent=1), language=None)


def _show_errors(snapshot: Snapshot, result: Result) -> None:
    """Shows the errors of the final model; those of a winner only before there is one, as in the report."""
    final = next(final_errors_sections(snapshot), None)
    section = final or errors_section(result, snapshot.facts)
    found = snapshot.finetune.breakdown if final and snapshot.finetune else result.breakdown
    st.subheader(section.title, anchor=False)
    figure = confusion((found or {}).get("confusion"), snapshot.facts.class_names)
    if figure is not None:
        show_chart(figure, "confusion", "confusion matrix; its numbers are in the table")
    show_blocks(section.blocks, "errors")
