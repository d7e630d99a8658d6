"""The final model in the study's folder: `winner/model.keras`, its record and its card."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_prep.files import write_json
from data_prep.manifest import LABEL_NAMES
from search.finetune.plan import FinetunePlan
from search.finetune.result import FinetuneResult
from search.ledger import kept_weights
from trainables.trial import Trial

FORMAT = 1
NAMED_SOURCES = ("adience", "celeba", "sample")  # whose labels 0 and 1 have the names of LABEL_NAMES

WriteModel = Callable[[dict[str, Any], str, str, str], Any]
"""Writes a model from its configuration, the backbone's weights, the trial's own weights, and a path."""


def winning_run(plan: FinetunePlan, result: FinetuneResult) -> Trial:
    """Returns the run whose weights become the model: the winner's with the first split and seed."""
    columns = [*plan.head_columns(), *plan.block_columns()]
    (column,) = (column for column in columns if column.name == result.winner)
    return column.runs[0]


def write_final_model(
    plan: FinetunePlan, result: FinetuneResult, study: Path, weights_file: str, write: WriteModel
) -> Path:
    """Writes the model of the winning run and its record, and returns the model's path.

    `weights_file` names the epoch: `trainables.trial.LAST` or BEST. A model that is there already is not
    written again.
    """
    run = winning_run(plan, result)
    path = study / "winner" / "model.keras"
    record = _record(plan, result, run, weights_file)
    if path.is_file() and _read(path.with_name("model.json")) == record:
        return path
    path.with_name("model.json").unlink(missing_ok=True)
    kept = kept_weights(study) / run.key / weights_file
    write(run.config.to_dict(), plan.problem.weights, str(kept), str(path))
    write_json(path.with_name("model.json"), record)
    return path


def _record(plan: FinetunePlan, result: FinetuneResult, run: Trial, weights_file: str) -> dict[str, Any]:
    facts = plan.problem.facts()
    named = facts["source"] in NAMED_SOURCES
    return {
        "format": FORMAT,
        "labels": {str(label): LABEL_NAMES[label] if named else str(label) for label in (0, 1)},
        "key": run.key,
        "column": result.winner,
        "epoch": weights_file.partition(".")[0],
        "config": run.config.to_dict(),
        "start": run.start,
        "data_digest": run.data_digest,
        "source": facts["source"],
        "split": run.split,
        "weights": run.weights,
        "keras_backend": run.keras_backend,
        "pretraining": result.pretraining,
    }


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return None
