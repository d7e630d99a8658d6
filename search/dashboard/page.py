"""Page on the studies: who may see it, which study it shows, and its tabs, which refresh themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from data_prep.class_names import listed
from data_prep.errors import InputError
from search.dashboard.access import is_token
from search.dashboard.blocks import TRIAL, plain, show_one_of_each
from search.dashboard.reading import StudyReader
from search.dashboard.source import Source
from search.dashboard.stage_progress import plan_left
from search.dashboard.views.beside_view import show_beside
from search.dashboard.views.controls_view import show_controls
from search.dashboard.views.studies import OPENED, show_studies
from search.dashboard.views.tabs import TABS
from search.dashboard.views.trial_view import show_trial
from search.study.descriptions import describe_state
from search.study.snapshot import Snapshot

# Streamlit runs app.py anew for each reader and each click; modules are imported once for all of them
_given: list[Settings] = []

REFRESH_S = 2.0
_DATA = {"": "unknown data", "folder": "a folder", "sample": "the drawn sample"}  # others are names
ALL = "All studies"
_ADMITTED = object()  # nothing that a browser sends is this
# within one study
_CHOICES = ("stages", "statuses", "values", "least", "curves", "stage", "winner", "of", "names")


def show_page() -> None:
    """Shows the page to a reader, after the token where one is demanded."""
    st.set_page_config(page_title="stagewise", layout="wide")
    settings = current()
    if settings.token is not None and not _is_admitted(settings.token):
        return
    _show(settings.source)


def _is_admitted(token: str) -> bool:
    """Returns whether this reader has entered the token; asks for it otherwise."""
    if st.session_state.get("admitted") is _ADMITTED:
        return True
    st.title("stagewise", anchor=False)
    with st.form("admission"):
        entered = st.text_input(
            "Token",
            type="password",
            autocomplete="current-password",
            help="python -m search.dashboard printed it",
        )
        if st.form_submit_button("Show the studies"):
            if is_token(entered, token):
                st.session_state["admitted"] = _ADMITTED
                st.rerun()
            st.error("This is not the token that python -m search.dashboard printed.")
    return False


def _show(source: Source) -> None:
    try:
        studies = {folder.name: folder for folder in source.studies()}
    except InputError:  # what is shown instead says so, and looks again
        studies = {}
    if not studies:
        _refreshed(lambda: _show_nothing(source))
        return
    name, beside = _choose(list(studies))

    def show_head() -> None:
        if [folder.name for folder in source.studies()] != list(studies):
            st.rerun(scope="app")  # another is there to be chosen
        if source.trouble:
            st.warning(plain(f"Shown as it last was: {source.trouble}"))
        if name == ALL:
            show_studies(source.folder)
        else:
            reader = source.reader(studies[name])
            _show_state(reader)
            show_controls(reader.read(), may_note=source.mirror is None, may_stop=current().may_stop)

    _refreshed(show_head)
    if name != ALL and beside:
        both = [studies[name], studies[beside]]
        _refreshed(lambda: show_beside([source.reader(folder).read() for folder in both]))
    elif name != ALL:
        _show_tabs(source, studies[name])


def _choose(studies: Sequence[str]) -> tuple[str, str | None]:
    """Asks which study to show, and which beside it; returns ALL for all of them, None for no other."""
    if (opened := st.session_state.pop(OPENED, None)) in studies:
        st.session_state["study"] = opened
    left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
    with middle:
        names = list(studies) if len(studies) == 1 else [ALL, *studies]
        name = st.selectbox("Study", names, key="study", bind="query-params")
    with left:
        st.title("stagewise" if name == ALL else plain(name), anchor=False)
    others = [each for each in studies if each != name]
    if name == ALL or not others:
        return name, None
    with right:
        beside = st.selectbox(
            "Beside it", others, index=None, key="beside", placeholder="no other", bind="query-params"
        )
    return name, beside


def _show_tabs(source: Source, folder: Path) -> None:
    before = st.session_state.get("chosen in")
    if before != folder:  # a stage or trial of one study is none of another
        st.session_state["chosen in"] = folder
        for key in _CHOICES:
            st.session_state.pop(key, None)
        if before:  # else the address was opened as it is
            st.query_params.pop(TRIAL, None)
    if st.query_params.get(TRIAL):
        st.button("Back to the trials", icon=":material/arrow_back:", key="back", on_click=_leave_trial)
        _show_tab(source, folder, show_trial)
        return
    tabs = st.tabs(list(TABS), key="tab", on_change="rerun", bind="query-params")
    for tab, show in zip(tabs, TABS.values(), strict=True):
        if tab.open:  # the others would be made again every two seconds, for nobody
            with tab:
                _show_tab(source, folder, show)
    with next(tab for tab in reversed(tabs) if not tab.open):
        show_one_of_each()


def _leave_trial() -> None:
    st.query_params.pop(TRIAL, None)
    st.session_state["tab"] = "Trials"


def _show_tab(source: Source, folder: Path, show: Callable[[Snapshot], None]) -> None:
    _refreshed(lambda: show(source.reader(folder).read()))


def _show_state(reader: StudyReader) -> None:
    snapshot = reader.read()
    images, source = snapshot.facts.images, _DATA.get(snapshot.facts.source, snapshot.facts.source)
    data = f"{images:,} images of {source}" if images else source
    if snapshot.facts.class_names:
        data += f": {listed(snapshot.facts.class_names)}"
    state = describe_state(snapshot.live) + plan_left(snapshot)
    text = f"{state} · {len(snapshot.trials):,} trials in the ledger · {data}"
    st.markdown(plain(text))
    if snapshot.unread:
        several = len(snapshot.unread) > 1
        st.warning(
            f"{len(snapshot.unread)} file{'s' if several else ''} of this study could not be read "
            f"(the tab Machine names all): {plain(snapshot.unread[0])}; "
            f"{plain(snapshot.check_advice)}"
        )


def _show_nothing(source: Source) -> None:
    if source.studies():
        st.rerun(scope="app")
    exists = source.folder.exists()
    st.title("stagewise", anchor=False)
    st.info(
        plain(f"{source.name} {'holds no study yet' if exists else 'does not exist yet'}.")
        + f" A search makes one: `{source.first_search}`. This page looks again by itself."
    )


def _refreshed(show: Callable[[], None]) -> None:
    """Shows something, and again every two seconds without touching the rest of the page."""

    @st.fragment(run_every=REFRESH_S)
    def refreshed() -> None:
        try:
            show()
        except InputError as error:
            st.warning(plain(str(error)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # values that no study has
            what = f"{type(error).__name__}: {error}"
            st.warning(plain(f"This part cannot be shown ({what}); a file of the study is damaged."))

    refreshed()


@dataclass(frozen=True)
class Settings:
    """Settings of all pages: the source, and the token that is demanded before it is shown, None for none."""

    source: Source
    token: str | None

    @property
    def may_stop(self) -> bool:
        """Whether readers may end a search: only those with a token, and where its folder is, not a copy."""
        return self.token is not None and self.source.mirror is None


def configure(settings: Settings) -> None:
    """Makes `settings` those of all pages of this process."""
    _given[:] = [settings]


def current() -> Settings:
    """Returns what `configure` was given; raises RuntimeError where it was not called."""
    if not _given:
        raise RuntimeError("the page is started by python -m search.dashboard")
    return _given[0]
