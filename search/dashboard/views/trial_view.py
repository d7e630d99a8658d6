"""Page of one trial: its curves, its configuration as a command, its predictions, its log."""

from __future__ import annotations

from typing import Any

import streamlit as st

from search.dashboard.blocks import TRIAL, plain, show_blocks, show_chart
from search.dashboard.commands import command_of_trial
from search.dashboard.curves import LearningCurve, trial_curves
from search.dashboard.figures import learning_curves
from search.dashboard.machine import last_words
from search.dashboard.trial.predictions import predictions_of
from search.dashboard.trials import OBJECTIVE_COLUMN, objective_of, trial_label, trial_table
from search.space.labels import label_of
from search.study.snapshot import Snapshot
from trainables.trial import TrialResult

_FIGURES = {"accuracy": ("val_accuracy", "accuracy"), "loss": ("val_loss", "loss")}


def show_trial(snapshot: Snapshot) -> None:
    """Shows the trial that the address names."""
    key = st.query_params.get(TRIAL, "")
    table = trial_table(snapshot)
    rows = table[table["key"] == key].to_dict("records")
    if not rows:
        st.info(plain(f"This study has no trial {key}."))
        return
    row = rows[0]
    st.subheader(plain(trial_label(row)), anchor=False)
    st.markdown(plain(_summary(row, objective_of(snapshot).short_name)))
    if row["reason"]:
        st.warning(plain(str(row["reason"])))
    _show_curves(snapshot, table, key)
    result = snapshot.trials.get(key)
    if result is None:
        st.caption("Its configuration and predictions appear here once it has ended.")
    else:
        _show_ended(snapshot, result, str(row["stage"]).partition(" ")[0])
    if log := last_words(snapshot.folder, key):
        st.markdown("**The last lines of its worker's log**")
        st.code("\n".join(log), language=None)


def _summary(row: dict[Any, Any], objective: str) -> str:
    score = f"{objective} {row[OBJECTIVE_COLUMN]:.4f}, " if row["epochs"] else ""
    reused = f", reused by {row['reused by']}" if row["reused by"] else ""
    return (
        f"{row['status'].lower()}: {score}{row['epochs']} of {row['of']} epochs in {row['seconds']:.1f} s, "
        f"split {row['split']}, trial {row['key']}{reused}"
    )


def _show_curves(snapshot: Snapshot, table: Any, key: str) -> None:
    for place, (name, metrics) in zip(st.columns(len(_FIGURES)), _FIGURES.items(), strict=True):
        curves = [
            LearningCurve(label=label_of(metric), stage=curve.stage, epochs=curve.epochs, values=curve.values)
            for metric in metrics
            for curve in trial_curves(snapshot, table, [key], metric)
        ]
        if curves:
            with place:
                description = f"{name} by epoch, of training and of validation"
                show_chart(learning_curves(curves, name), f"trial-{name}", description)


def _show_ended(snapshot: Snapshot, result: TrialResult, stage: str) -> None:
    st.markdown("**The command that trains this configuration again**, in a study of its own")
    st.code(command_of_trial(snapshot, result.trial, stage), language=None, wrap_lines=True)
    predictions = predictions_of(snapshot, result)
    st.markdown(f"**Predictions on the validation images**  \n{plain(predictions.sentence)}")
    if predictions.table:
        show_blocks([predictions.table], "trial-predictions")
    if result.made_by:
        made_by = ", ".join(f"{name} {value}" for name, value in result.made_by.items())
        st.caption(plain(f"Made by {made_by}."))
