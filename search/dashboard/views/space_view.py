"""Tab of the hyperparameters: what all trials of a study, stages too, say of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import streamlit as st

from search.dashboard.blocks import show_blocks, show_charts
from search.dashboard.space.tried import FEWEST, FIGURES, Tried
from search.dashboard.trials import objective_of, trial_table
from search.report.render.charts import Chart
from search.space.labels import label_of
from search.space.stages import FINETUNE
from search.statistics.configurations import by_configuration
from search.study.search_id import SearchKind
from search.study.snapshot import Snapshot
from trainables.trial import TrialStatus

_PARALLEL = "Parallel coordinates"
_SHOWN = 4  # hyperparameters until somebody chooses
_COUNTS = {"Slice": (1, 16), "Contour": (2, 2), "Rank": (2, 2)}  # a grid of all pairs stalls a browser


def show_space(snapshot: Snapshot) -> None:
    """Shows the figure that is chosen, on the trials of the stages that are chosen."""
    offered = [*FIGURES, _PARALLEL]
    left, middle, right = st.columns([2, 3, 3])
    with left:
        name = st.selectbox("Figure", offered, key="figure", bind="query-params")
    tried = _tried(snapshot)
    with middle:
        stages = st.multiselect(
            "Stage", list(tried.by_stage), key="of", placeholder="all stages", bind="query-params"
        )
    tried = tried.only(stages)
    with right:
        chosen = st.multiselect(
            "Hyperparameters",
            tried.names,
            key="names",
            format_func=label_of,
            placeholder="the first that differ",
            bind="query-params",
        )
    count = len(by_configuration(tried.trials))
    if count < FEWEST or len(tried.names) < 2:
        st.info(
            f"A figure takes {FEWEST} completed configurations in which two hyperparameters differ; there "
            f"are {count} configurations, in which {len(tried.names)} differ."
        )
        return
    names = [each for each in chosen if each in tried.names]
    least, most = _COUNTS.get(name, (2, len(tried.names)))
    if len(names) < least:
        names = [*names, *(each for each in tried.names if each not in names)][: max(least, _SHOWN)]
    _show(name, tried, names[:most])


def _show(name: str, tried: Tried, names: Sequence[str]) -> None:
    if name == _PARALLEL:
        from search.report.sections.joint import parallel_of  # scikit-learn: not before somebody wants it

        lines = parallel_of(tried.trials, names, tried.objective, every=tried.every)
        show_blocks([replace(lines, caption=f"All trials: {lines.caption.partition(': ')[2]}")], "space")
        return
    charts = _charts(name, tried, tuple(names))
    show_charts(charts, f"space-{name}", f"{name} of {len(tried.trials)} trials")
    drawn = f" (a point for one in {tried.every}, by rank)" if tried.every > 1 and name in _COUNTS else ""
    st.caption(f"{len(tried.trials):,} completed trials{drawn}. {FIGURES[name][1]}")


# the page is made again every few seconds
@lru_cache(maxsize=8)
def _charts(name: str, tried: Tried, names: tuple[str, ...]) -> Sequence[Chart]:
    return FIGURES[name][0](tried, names)


@lru_cache(maxsize=4)
def _tried(snapshot: Snapshot) -> Tried:
    table = trial_table(snapshot)
    done = table[table["status"] == TrialStatus.COMPLETED.value]
    by_stage = {
        str(stage): [snapshot.trials[key] for key in rows["key"] if key in snapshot.trials]
        for stage, rows in done.groupby("stage", sort=False)
        if stage not in (FINETUNE, SearchKind.HELD_OUT)  # they compare ways, not values
    }
    moment = (snapshot.folder, len(done), max(snapshot.ended_at.values(), default=0.0))
    return Tried(moment, objective_of(snapshot), by_stage)
