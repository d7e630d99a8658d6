"""What fine-tuning found, for a person: a table of 80 columns, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.finetune.plan import FinetunePlan
from search.space.labels import describe_config
from search.study.finetune_result import METRICS, ColumnResult, FinetuneResult

_HEADS = {
    "accuracy": "acc",
    "val_accuracy": "val acc",
    "loss": "loss",
    "val_loss": "val loss",
    "auc": "val AUC",
}


def print_finetune_setting(plan: FinetunePlan, console: Console) -> None:
    """Prints what is about to be trained."""
    names = [name for name in plan.winner.to_dict() if name != "seed"]
    lines = [f"winner    of {plan.origin}: {describe_config(plan.winner, names)}"]
    if plan.pretraining:
        facts = plan.pretraining.facts()
        lines.append(f"pretrains on {facts['images']:,} images of {facts['source']}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def print_finetune(result: FinetuneResult, console: Console) -> None:
    """Prints a row a column of the report's final table, and the verdict."""
    table = Table(title="Stage finetune, last epoch", title_justify="left", box=None, padding=(0, 1))
    table.add_column("", overflow="fold")
    for metric in METRICS:
        table.add_column(_HEADS[metric], justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for column in result.columns:
        figures = (_shown(column, metric) for metric in METRICS)
        table.add_row(Text(column.title), *figures, _mark(column, result))
    console.print(table)
    console.print(Text(result.statement), soft_wrap=True)


def finetune_json(
    result: FinetuneResult, folder: Path, made_of: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """Returns what `search.run --json` prints of a run that did nothing else, as far as stages have it."""
    winner = result.column(result.winner or "")
    return {
        "study": folder.name,
        "folder": str(folder),
        "stage": "finetune",
        "data_digest": made_of["data_digest"],
        "drawn": made_of["source"] == "sample",
        "weights": made_of["weights"],
        "keras_backend": made_of["keras_backend"],
        "split": result.split,
        "winner": winner and dict(winner.config),
        "verdict": result.verdict,
        "statement": result.statement,
        "seconds": seconds,
    }


def _shown(column: ColumnResult, metric: str) -> str:
    mean, spread = column.figures[metric]
    if mean is None:
        return "failed" if metric == METRICS[0] else ""
    return f"{mean:.4f}" if spread is None else f"{mean:.4f}\n±{spread:.4f}"


def _mark(column: ColumnResult, result: FinetuneResult) -> str:
    if column.name == result.winner:
        return "winner"
    return "tied" if column.tied else ""
