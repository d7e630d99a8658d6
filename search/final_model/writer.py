"""The final model in the study's folder: `winner/model.keras`, its record and its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_prep.digests import digest_of_file
from data_prep.storage.json_files import read_json, write_json
from data_prep.storage.remote import pull
from search.finetune.plan import FinetunePlan
from search.study.finetune_result import FinetuneResult
from search.study.formats import MODEL
from search.study.layout import Layout
from trainables.trial import LAST, Trial

WriteModel = Callable[[dict[str, Any], str, Path, Path, float], Any]
"""Writes a model from its configuration, the backbone's weights, the trial's own, a path, a temperature."""


def winning_run(plan: FinetunePlan, result: FinetuneResult) -> Trial:
    """Returns the run whose weights become the model: the winner's with the first split and seed."""
    column = plan.column(result.winner)
    if column is None:
        raise ValueError(f"no way to the final model is called {result.winner}")
    return column.runs[0]


def write_final_model(plan: FinetunePlan, result: FinetuneResult, study: Path, write: WriteModel) -> Path:
    """Writes the model of the winning run and its record, and returns the model's path.

    Its weights are those after the last epoch, of which all tables speak. A model that is there already is
    not written again.
    """
    run = winning_run(plan, result)
    path = Layout(study).model
    record = _record(plan, result, run)
    if is_written(path, record):
        return path
    # before the model: a run killed in between must not leave a record that speaks of another model
    path.with_name("model.json").unlink(missing_ok=True)
    kept = Layout(study).weights / run.key / LAST
    temperature = result.calibration.temperature if result.calibration else 1.0
    write(run.config.to_dict(), plan.problem.weights, kept, path, temperature)
    pull(path)  # in a study with an address the worker sent it there
    write_json(path.with_name("model.json"), {**record, "model_digest": digest_of_file(path)})
    return path


def is_written(path: Path, record: Mapping[str, Any]) -> bool:
    """Returns whether the model at `path` is the one of `record`, byte for byte as it was written."""
    there = _read(path.with_name("model.json")) or {}
    # a record of before there were digests says nothing of the bytes
    digest = there.pop("model_digest", None)
    same = {**there, "format": MODEL.number} == record
    return same and path.is_file() and digest in (None, digest_of_file(path))


def _record(plan: FinetunePlan, result: FinetuneResult, run: Trial) -> dict[str, Any]:
    return {
        "format": MODEL.number,
        "labels": {str(label): name for label, name in enumerate(plan.problem.manifest.class_names)},
        "key": run.key,
        "column": result.winner,
        "config": run.config.to_dict(),
        "start": run.start,
        "data_digest": run.data_digest,
        "source": plan.problem.facts().source,
        "split": run.split,
        "weights": run.weights,
        "keras_backend": run.keras_backend,
        "pretraining": result.pretraining,
        "calibration": result.calibration and result.calibration.to_dict(),
    }


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path, MODEL)
    except (OSError, ValueError):
        return None
