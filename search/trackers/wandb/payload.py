"""Rows and summaries of trials and of stages, as they are logged to Weights & Biases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from data_prep.digests import digest_of_values
from data_prep.storage.json_files import json_number
from search.space.labels import show_value
from search.study.finetune_result import ColumnResult, FinetuneResult
from search.study.stage_results import Entry, Result
from search.trackers.runs import Decided
from trainables.trial import TrialResult


def summary_of(result: TrialResult) -> dict[str, Any]:
    """Returns the summary of a trial."""
    return {
        "status": result.status.value,
        "reason": result.reason,
        "mean_val_accuracy": json_number(result.mean_val_accuracy),
        "best_val_accuracy": json_number(result.best_val_accuracy),
        "best_epoch": result.best_epoch,
        "train_accuracy_at_inference": result.train_accuracy_at_inference,
        "one_class_epochs": result.one_class_epochs,
        "train_seconds": result.seconds,
    }


def stage_summary_of(result: Decided) -> dict[str, Any]:
    """Returns the summary of a stage."""
    return {
        "status": "COMPLETED" if result.winner else "FAILED",
        "verdict": result.verdict,
        "statement": result.statement,
        "baselines": {baseline.title: baseline.mean for baseline in result.baselines},
        **_winner_of(result),
    }


def stage_table(result: Decided) -> list[Mapping[str, Any]]:
    """Returns the table of a stage, one row per configuration."""
    if isinstance(result, FinetuneResult):
        rows = [_column_row(column, result) for column in result.columns]
    else:
        rows = [_table_row(entry, result) for entry in result.entries]
    mean = "val_accuracy" if isinstance(result, FinetuneResult) else result.objective.metric
    absent = dict.fromkeys(rows[0] if rows else ())  # wandb.Table wants all columns in every row
    beside = [
        {**absent, "value": each.title, "standing": "baseline", mean: each.mean} for each in result.baselines
    ]
    return [*rows, *beside]


def state_of(result: Decided) -> str:
    """Returns a digest, which differs where a stage found something else than before."""
    values = result.to_dict()
    for name in ("finished_at", "seconds"):  # they differ each time, although nothing else was found
        del values[name]
    for entry in values.get("entries", ()):
        del entry["reused"]  # nothing on the first run, everything on the next
    return digest_of_values(values, 16)


def _winner_of(result: Decided) -> dict[str, Any]:
    if isinstance(result, FinetuneResult):
        column = result.column(result.winner or "")
        return {"winner": result.winner, "val_accuracy": column and column.figures["val_accuracy"][0]}
    winner = result.winner
    mean = winner and result.entry_of(winner).mean
    return {
        "winner": winner and winner.to_dict(),
        result.objective.metric: mean,
        f"corrected_{result.objective.metric}": result.corrected,
    }


def _column_row(column: ColumnResult, result: FinetuneResult) -> Mapping[str, Any]:
    return {
        "value": column.title,
        "standing": result.standing(column),
        **{metric: column.figures[metric][0] for metric in result.metrics},
        **{f"{metric}_spread": column.figures[metric][1] for metric in result.metrics},
        "runs": len(column.trials),
        "winner_less_this": column.difference,
        "p_value": column.p_value,
        "reason": column.reason,
        "seconds": column.seconds,
    }


def _table_row(entry: Entry, result: Result) -> Mapping[str, Any]:
    value = "" if entry.value is None else show_value(entry.value)
    return {
        "value": value or json.dumps(entry.config.to_dict()),
        "standing": result.standing(entry),
        result.objective.metric: json_number(entry.mean),
        "spread": json_number(entry.spread),
        "best_val_accuracy": json_number(entry.best_val_accuracy),
        "best_epoch": entry.best_epoch,
        "train_accuracy_at_inference": entry.train_accuracy_at_inference,
        "one_class_epochs": entry.one_class_epochs,
        "runs": len(entry.trials),
        "winner_less_this": entry.difference,
        "p_value": entry.p_value,
        "status": entry.status,
        "reason": entry.reason,
        "seconds": entry.seconds,
    }
