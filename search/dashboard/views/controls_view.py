"""What a reader may do: end a search, or one trial of it, and keep a note on either."""

from __future__ import annotations

import streamlit as st

from data_prep.errors import InputError
from search.dashboard.blocks import TRIAL, plain
from search.study.from_outside.notes import MOST_CHARACTERS, Notes, keep_note, read_notes
from search.study.from_outside.stop_request import ask_to_stop, read_stop
from search.study.snapshot import Snapshot

_ENDS = (
    "The search ends after the running epochs, as after Ctrl-C: finished trials are kept, and the same "
    "command again continues."
)
_STOPS = (
    "The trial ends after its running epoch, as stopped, and its search goes on without it. A trial that is "
    "trained together with others, in a pack or a population, ends with them only."
)


def show_controls(snapshot: Snapshot, *, may_note: bool, may_stop: bool) -> None:
    """Shows the note on the study, or on the trial that the address names, and what may be done to it."""
    trial = str(st.query_params.get(TRIAL, ""))
    notes = read_notes(snapshot.folder)
    if note := notes.on(trial):
        lines = "  \n".join(plain(line) for line in note.splitlines())
        st.markdown(f":material/edit_note: {lines}")
    with st.container(horizontal=True, gap="small"):
        if may_note:
            _offer_note(snapshot, trial, notes)
        if may_stop:
            _offer_stop(snapshot, trial)


def _offer_note(snapshot: Snapshot, trial: str, notes: Notes) -> None:
    what = "trial" if trial else "study"
    with st.popover(f"Note on this {what} …", icon=":material/edit_note:"):
        text = st.text_area(
            f"Kept in the study's folder and shown in its report; at most {MOST_CHARACTERS:,} characters",
            notes.on(trial),
            key=f"note {trial}",
        )
        if st.button("Keep the note", key="keep note", type="primary"):
            try:
                keep_note(snapshot.folder, text, trial)
            except InputError as error:
                st.error(plain(str(error)))
            except OSError as error:
                st.error(plain(f"{snapshot.folder} cannot be written ({error.strerror})."))
            else:
                st.rerun(scope="app")


def _offer_stop(snapshot: Snapshot, trial: str) -> None:
    """Offers to end what runs: the trial, else the search; else offers nothing."""
    if not snapshot.is_running or snapshot.command is None or snapshot.live is None:
        return
    if trial and trial not in {running.key for running in snapshot.live.running}:
        return
    run = snapshot.command.started_at
    asked = read_stop(snapshot.folder, run)
    if asked.everything or trial in asked.trials:
        what = "The trial" if trial and not asked.everything else "The search"
        st.info(f"{what} was asked to end, and does so after its running epoch.")
        return
    what = "trial" if trial else "search"
    with st.popover(f"End the {what} …", icon=":material/stop_circle:"):
        st.markdown(_STOPS if trial else _ENDS)
        if st.button(f"End the {what} after its running epoch", key="stop", type="primary"):
            try:
                ask_to_stop(snapshot.folder, run, trial)
            except OSError as error:
                st.error(plain(f"{snapshot.folder} cannot be written ({error.strerror})."))
            else:
                st.rerun(scope="app")
