"""The adapter between training and Ray: what runs in Ray's worker processes.

Keras is imported inside the functions, after the process has been told its backend and its threads.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from trainables.features import open_features
from trainables.trial import EpochMetrics, TrialConfig, TrialStatus

EPOCH = "epoch_metrics"  # the key of what every epoch reports; the last report of a trial adds the others
STATUS, REASON, SECONDS, MADE_BY = "status", "reason", "trial_seconds", "made_by"
EPOCHS, PREDICTIONS = "all_epochs", "predictions"


@dataclass(frozen=True, eq=False)
class WorkerData:
    """What the trials of a search read; it reaches every worker once, through Ray's object store.

    `inputs`: the folder of cached features (or pixels) of each backbone; `labels`: `(n,)` int8;
    `splits`: train and validation rows by the split's name; `checkpoints`: the folder where trials on
    pixels keep their state after every epoch, those on features too where `pausing` is set.
    """

    inputs: Mapping[str, Path]
    labels: np.ndarray
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]]
    keras_backend: str
    cpus: int
    checkpoints: Path
    pausing: bool = False


def train_trial(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains the configuration of `assignment` on its split and reports every epoch to Ray Tune.

    `assignment`: `{"trial": {"key": …, "config": …, "split": …}}`. The last report carries how the trial
    ended, all its epochs, its wall seconds and the validation probabilities (float32); a trial that
    diverged ends as FAILED, with the reason, and does not raise. A trial that keeps checkpoints continues
    after the last epoch that it kept.
    """
    ours = assignment["trial"]
    config = TrialConfig.from_dict(ours["config"])
    started = time.perf_counter()
    prepare_process(data.keras_backend, data.cpus)
    from trainables.training import DivergedError, Examples, Training

    inputs = open_features(data.inputs[config.backbone])
    training = Training(config, Examples(inputs, data.labels, *data.splits[ours["split"]]))
    keeps = data.pausing or inputs.ndim == 4
    checkpoint = data.checkpoints / ours["key"]
    if keeps:
        training.restore(checkpoint)
    spent_before = sum(metrics.seconds for metrics in training.finished)
    end: dict[str, Any] = {STATUS: TrialStatus.COMPLETED.value, REASON: ""}
    try:
        for metrics in training.epochs():
            if keeps:
                training.save(checkpoint)
            if metrics.epoch < config.epochs:
                tune.report(running_figures(training.finished))
        end[PREDICTIONS] = training.validation_probabilities()
    except DivergedError as error:
        end = {STATUS: TrialStatus.FAILED.value, REASON: str(error)}
    end[EPOCHS] = [asdict(metrics) for metrics in training.finished]
    end[SECONDS] = spent_before + time.perf_counter() - started
    # "done" ends the trial for Tune too, whatever a scheduler makes of its last figures
    tune.report({**running_figures(training.finished), **end, MADE_BY: _made_by(), "done": True})


def make_features(
    paths: Sequence[str],
    digests: Sequence[str],
    backbone_name: str,
    weights: str,
    cache: str,
    keras_backend: str,
    cpus: int,
) -> str:
    """Makes the features of the images in this process and returns their folder.

    Raises InputError as `trainables.extraction.extract` does.
    """
    prepare_process(keras_backend, cpus)
    from trainables.extraction import extract

    return str(extract(paths, digests, backbone_name, weights, cache).folder)


def running_figures(finished: Sequence[EpochMetrics]) -> dict[str, Any]:
    """Returns the last epoch's figures and the running mean and best of the validation accuracy, flat.

    Before the first epoch, where a trial diverged in it, the accuracies are 0: the worst, for schedulers.
    """
    if not finished:
        return {"epoch": 0, "mean_val_accuracy": 0.0, "best_val_accuracy": 0.0}
    last, accuracies = finished[-1], [metrics.val_accuracy for metrics in finished]
    return {
        **asdict(last),
        EPOCH: asdict(last),
        "mean_val_accuracy": sum(accuracies) / len(accuracies),
        "best_val_accuracy": max(accuracies),
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
