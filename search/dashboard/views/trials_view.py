"""Tab of the trials: a table to sort and filter, and the learning curves of those that are chosen."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from search.dashboard.blocks import clicked_row, open_trial, show_chart
from search.dashboard.curves import CURVE_METRICS, first_choice, trial_curves
from search.dashboard.figures import learning_curves
from search.dashboard.trials import (
    OBJECTIVE_COLUMN,
    best_of,
    filter_trials,
    objective_of,
    trial_label,
    trial_table,
)
from search.space.labels import label_of
from search.study.snapshot import Snapshot
from trainables.objective import Objective

_TABLE_PX = 360
_LISTED = 5_000  # rows of the table: more take seconds to send
_OFFERED = 200  # trials to choose curves from, the best of those in the table


def show_trials(snapshot: Snapshot) -> None:
    """Shows the trials that pass the filters, and learning curves."""
    table = trial_table(snapshot)
    if table.empty:
        st.info("No trial has begun yet.")
        return
    objective = objective_of(snapshot)
    kept = _filtered(table, objective)
    _show_table(kept, len(table), objective)
    _show_curves(snapshot, table, kept, objective)


def _filtered(table: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    places = st.columns(4)
    with places[0]:
        stages = _chosen("Stage", table["stage"], key="stages", placeholder="all stages")
    with places[1]:
        statuses = _chosen("Status", table["status"], key="statuses", placeholder="any")
    of_stages = filter_trials(table, stages=stages)["value"]
    with places[2]:
        values = _chosen("Value", of_stages[of_stages != ""], key="values", placeholder="any")
    with places[3]:
        least = st.number_input(
            f"{objective.short_name[0].upper()}{objective.short_name[1:]} from",
            0.0,
            value=None,
            step=0.01,
            key="least",
            placeholder="any",
            bind="query-params",
        )
    return filter_trials(table, stages, statuses, values, least)


def _chosen(label: str, cells: pd.Series, key: str, placeholder: str) -> list[str]:
    """Asks which of the `cells` to show; what was chosen stays on offer when no row has it any more."""
    offered = sorted({*cells.unique().tolist(), *(st.session_state.get(key) or [])})
    return st.multiselect(label, offered, key=key, placeholder=placeholder, bind="query-params")


def _show_table(kept: pd.DataFrame, total: int, objective: Objective) -> None:
    best = f"; the table has the {_LISTED:,} best, filters choose among all" if len(kept) > _LISTED else ""
    st.caption(
        f"{len(kept):,} of {total:,} trials{best}; click the head of a column to sort, "
        "and the box beside a row to open the trial."
    )
    kept = best_of(kept, _LISTED, objective).sort_index()
    accuracy = st.column_config.NumberColumn(format="%.4f")
    longest = int(kept["of"].max()) if len(kept) else 1
    opened = clicked_row(
        kept.drop(columns="of"),
        kept["key"].tolist(),
        "trials",
        _TABLE_PX,
        alt="the trials that pass the filters",
        column_config={
            "stage": st.column_config.TextColumn(pinned=True),
            OBJECTIVE_COLUMN: st.column_config.NumberColumn(
                objective.short_name, format="%.4f", help=objective.name
            ),
            "best val acc": accuracy,
            "train acc": st.column_config.NumberColumn(
                format="%.4f", help="on training rows at inference, after the last epoch"
            ),
            "one class": st.column_config.NumberColumn(
                format="%d", help="epochs that gave one class to all validation rows"
            ),
            "epochs": st.column_config.ProgressColumn(format="%d", min_value=0, max_value=longest),
            "seconds": st.column_config.NumberColumn(format="%.1f"),
            "seed": st.column_config.NumberColumn(format="%d"),
        },
    )
    if opened:
        open_trial(opened)


def _show_curves(snapshot: Snapshot, table: pd.DataFrame, kept: pd.DataFrame, objective: Objective) -> None:
    st.subheader("Learning curves", anchor=False)
    chosen = st.session_state.get("curves") or []
    offered = best_of(kept, _OFFERED, objective)["key"].tolist()
    options = list(dict.fromkeys([*chosen, *kept[kept["status"] == "RUNNING"]["key"], *offered]))
    rows = table[table["key"].isin(options)].to_dict("records")
    labels = {row["key"]: trial_label(row) for row in rows}
    left, middle, right = st.columns([4, 2, 2], vertical_alignment="bottom")
    with left:
        keys = st.multiselect(
            "Trials",
            options,
            key="curves",
            format_func=lambda key: labels.get(key, key),
            placeholder="the running and the best",
            help=f"Choose among the running trials and the {_OFFERED} best of the trials in the table.",
            bind="query-params",
        )
    with middle:
        metric = st.selectbox(
            "Metric", CURVE_METRICS, key="metric", format_func=label_of, bind="query-params"
        )
    with right:
        running_mean = st.toggle(
            "Running mean",
            key="mean",
            help="of all epochs so far, as the objective is",
            bind="query-params",
        )
    keys = keys or first_choice(kept, objective)
    curves = trial_curves(snapshot, table, keys, metric, running_mean=running_mean)
    if not curves:
        st.info("No trial of this choice has finished an epoch yet.")
        return
    label = label_of(metric) + (", mean so far" if running_mean else "")
    description = f"{label} by epoch of {len(curves)} trials"
    show_chart(learning_curves(curves, label), "learning-curves", description)
    st.caption(
        "One colour per stage; within it dash, width and marker tell the trials apart. "
        "A click on a point opens its trial."
    )
