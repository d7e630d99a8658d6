"""Tab of the joint search: its best configurations, best so far, parallel coordinates, importance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import streamlit as st

from search.dashboard.blocks import show_blocks
from search.dashboard.stage_progress import searched
from search.dashboard.trials import objective_of, trial_table
from search.report.document import Block
from search.report.sections.joint import best_by_configuration, joint_section, one_in, parallel_of
from search.space.labels import varied_among
from search.statistics.configurations import scored_by
from search.study.snapshot import Snapshot
from search.study.stage_results import JOINT
from trainables.objective import Objective
from trainables.trial import TrialResult


def show_joint(snapshot: Snapshot) -> None:
    """Shows the joint search that ended, or the trials of one that is running."""
    result = snapshot.joint
    live = snapshot.live
    if result is None and not (live and searched(live) == JOINT):
        st.info(
            "No joint search was run in this study. It is started with "
            "`python -m search.run --mode joint --search tpe --num-samples 40`."
        )
        return
    if result is not None:
        with st.spinner("how much each hyperparameter mattered …"):
            blocks = _section(snapshot)
        show_blocks(blocks, "joint")
    else:
        keys = _keys(snapshot)
        st.caption(f"The search is running; {len(keys)} of its trials have ended.")
        ended = [snapshot.trials[key] for key in keys]
        show_blocks(joint_so_far(ended, objective_of(snapshot)), "joint-so-far")


@lru_cache(maxsize=4)
def _section(snapshot: Snapshot) -> Sequence[Block]:
    return joint_section(snapshot, snapshot.joint).blocks if snapshot.joint else ()


def joint_so_far(trials: Sequence[TrialResult], objective: Objective) -> list[Block]:
    """Returns the figures of the trials of a joint search that have ended so far."""
    done = scored_by(trials, objective)
    varied = varied_among([trial.trial.config for trial in done])
    if len(done) < 2 or not varied:
        return []
    every = one_in(len(done))
    return [best_by_configuration(trials, objective), parallel_of(done, varied, objective, every=every)]


def _keys(snapshot: Snapshot) -> list[str]:
    """Returns the trials of the running joint search that ended, in the order of their ends."""
    table = trial_table(snapshot)
    keys = [key for key in table[table["stage"] == JOINT]["key"] if key in snapshot.trials]
    return sorted(keys, key=lambda key: snapshot.ended_at[key])
