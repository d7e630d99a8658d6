"""Tabs of a study's page, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from search.dashboard.views.chain_view import show_chain
from search.dashboard.views.joint_view import show_joint
from search.dashboard.views.machine_view import show_machine
from search.dashboard.views.outcome_view import show_outcome
from search.dashboard.views.space_view import show_space
from search.dashboard.views.stages_view import show_stages
from search.dashboard.views.trials_view import show_trials
from search.study.snapshot import Snapshot

TABS: Mapping[str, Callable[[Snapshot], None]] = {
    "Search": show_chain,
    "Trials": show_trials,
    "Stages": show_stages,
    "Joint search": show_joint,
    "Hyperparameters": show_space,
    "Outcome": show_outcome,
    "Machine": show_machine,
}
