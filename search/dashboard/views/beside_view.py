"""Page of two studies beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from search.dashboard.blocks import plain, show_chart, show_table
from search.dashboard.figures import best_of_each
from search.dashboard.studies.beside import best_by_configuration, differences_between, side_by_side
from search.dashboard.trials import objective_of
from search.study.snapshot import Snapshot


def show_beside(studies: Sequence[Snapshot]) -> None:
    """Shows a table with a column for each study, and the best so far of each by configuration."""
    for sentence in differences_between(studies):
        st.warning(plain(sentence))
    show_table(side_by_side(studies))
    objectives = {objective_of(study) for study in studies}
    curves = {study.name: best_by_configuration(study) for study in studies}
    if len(objectives) > 1 or not any(curves.values()):
        return
    (objective,) = objectives
    description = f"best {objective.name} so far of each study, by configurations"
    show_chart(best_of_each(curves, objective.name), "best-of-each", description)
    st.caption(plain(f"The best {objective.name} so far, after each configuration, as the mean of its runs."))
