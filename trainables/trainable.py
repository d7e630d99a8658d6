"""The adapter between training and Ray: what runs in Ray's worker processes.

Keras is imported inside the functions, after the process has been told its backend and its threads.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from trainables.features import open_features
from trainables.trial import TrialConfig, TrialStatus

STATUS, REASON, SECONDS, MADE_BY, PREDICTIONS = "status", "reason", "trial_seconds", "made_by", "predictions"


@dataclass(frozen=True, eq=False)
class WorkerData:
    """What the trials of a search read; it reaches every worker once, through Ray's object store.

    `inputs`: the folder of cached features (or pixels) of each backbone; `labels`: `(n,)` int8;
    `splits`: train and validation rows by the split's name.
    """

    inputs: Mapping[str, Path]
    labels: np.ndarray
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]]
    keras_backend: str
    cpus: int


def train_trial(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains the configuration of `assignment` on its split and reports every epoch to Ray Tune.

    `assignment`: `{"trial": {"config": …, "split": …}}`. The last report carries how the trial ended, its
    wall seconds and the validation probabilities (float32); a trial that diverged ends as FAILED, with the
    reason, and does not raise.
    """
    config, split = TrialConfig.from_dict(assignment["trial"]["config"]), assignment["trial"]["split"]
    started = time.perf_counter()
    prepare_process(data.keras_backend, data.cpus)
    from trainables.training import DivergedError, Examples, Training

    examples = Examples(open_features(data.inputs[config.backbone]), data.labels, *data.splits[split])
    training = Training(config, examples)
    end: dict[str, Any] = {STATUS: TrialStatus.COMPLETED.value, REASON: ""}
    try:
        for metrics in training.epochs():
            tune.report({"epoch_metrics": metrics, **running_figures(training.finished)})
        end[PREDICTIONS] = training.validation_probabilities()
    except DivergedError as error:
        end = {STATUS: TrialStatus.FAILED.value, REASON: str(error)}
    tune.report({**end, SECONDS: time.perf_counter() - started, MADE_BY: _made_by()})


def running_figures(finished: list[Any]) -> dict[str, float]:
    """Returns the last epoch's figures and the running mean and best of the validation accuracy, flat."""
    accuracies = [metrics.val_accuracy for metrics in finished]
    last = finished[-1]
    return {
        "epoch": last.epoch,
        "loss": last.loss,
        "accuracy": last.accuracy,
        "val_loss": last.val_loss,
        "val_accuracy": last.val_accuracy,
        "mean_val_accuracy": sum(accuracies) / len(accuracies),
        "best_val_accuracy": max(accuracies),
        "seconds": last.seconds,
    }


def prepare_process(keras_backend: str, cpus: int) -> None:
    """Sets the Keras backend and at most `cpus` threads for this process, before Keras is imported.

    Raises RuntimeError where Keras was imported before with another backend.
    """
    if "keras" in sys.modules:
        _require_backend(keras_backend)
        return
    threads = str(max(1, cpus))
    os.environ.update(
        KERAS_BACKEND=keras_backend,
        TF_CPP_MIN_LOG_LEVEL="3",
        OMP_NUM_THREADS=threads,
        TF_NUM_INTRAOP_THREADS=threads,
        TF_NUM_INTEROP_THREADS="1",
        NPROC=threads,  # the threads of XLA's CPU client
        TF_FORCE_GPU_ALLOW_GROWTH="true",
        XLA_PYTHON_CLIENT_PREALLOCATE="false",
    )


def _require_backend(keras_backend: str) -> None:
    import keras

    if keras.backend.backend() != keras_backend:
        raise RuntimeError(f"this process runs Keras on {keras.backend.backend()}, not on {keras_backend}")


def _made_by() -> dict[str, str]:
    versions = {name: version(name) for name in ("stagewise", "keras", "ray", "numpy")}
    return {**versions, "python": sys.version.split()[0], "node": os.uname().nodename}
