"""The adapter between training and Ray: what runs in Ray's worker processes.

Keras is imported inside the functions, after the process has been told its backend and its threads.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

from data_prep.files import write_json
from trainables.features import open_features
from trainables.trial import EpochMetrics, TrialConfig, TrialStatus

if TYPE_CHECKING:
    from trainables.training import Training

EPOCH = "epoch_metrics"  # the key of what every epoch reports; the last report of a trial adds the others
STATUS, REASON, SECONDS, MADE_BY = "status", "reason", "trial_seconds", "made_by"
EPOCHS, PREDICTIONS, VALUES = "all_epochs", "predictions", "values_by_epoch"
PACK = "pack"


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
    started = time.perf_counter()
    training = _training(ours, data)
    from trainables.training import DivergedError

    keeps = data.pausing or training.examples.inputs.ndim == 4
    checkpoint = data.checkpoints / ours["key"]
    if keeps:
        training.restore(checkpoint)
    spent_before = sum(metrics.seconds for metrics in training.finished)
    end: dict[str, Any] = {STATUS: TrialStatus.COMPLETED.value, REASON: ""}
    try:
        for metrics in training.epochs():
            if keeps:
                training.save(checkpoint)
            if metrics.epoch < training.config.epochs:
                tune.report(running_figures(training.finished))
        end[PREDICTIONS] = training.validation_probabilities()
    except DivergedError as error:
        end = {STATUS: TrialStatus.FAILED.value, REASON: str(error)}
    end[EPOCHS] = [asdict(metrics) for metrics in training.finished]
    end[SECONDS] = spent_before + time.perf_counter() - started
    # "done" ends the trial for Tune too, whatever a scheduler makes of its last figures
    tune.report({**running_figures(training.finished), **end, MADE_BY: _made_by(), "done": True})


def train_pack(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains several heads of one shape as one program; see `trainables.packed`.

    `assignment`: `{"pack": [{"key": …, "config": …, "split": …}, …]}`, all on one split. Every report has
    under `PACK` what each of them would report by itself, None for one that has ended before.
    """
    ours = assignment["pack"]
    configs = [TrialConfig.from_dict(member["config"]) for member in ours]
    started = time.perf_counter()
    prepare_process(data.keras_backend, data.cpus)
    from trainables.packed import PackedTraining
    from trainables.training import DivergedError, Examples

    inputs = open_features(data.inputs[configs[0].backbone])
    pack = PackedTraining(configs, Examples(inputs, data.labels, *data.splits[ours[0]["split"]]))
    reasons = [""] * len(configs)
    for entries in pack.epochs():
        for number, entry in enumerate(entries):
            if isinstance(entry, DivergedError):
                reasons[number] = str(entry)
        went_on = [isinstance(entry, EpochMetrics) for entry in entries]
        if any(went_on):
            members = zip(pack.finished, went_on, strict=True)
            tune.report({PACK: [running_figures(epochs) if on else None for epochs, on in members]})
    seconds = (time.perf_counter() - started) / len(configs)
    made_by = {**_made_by(), "packed": str(len(configs))}
    ends = [
        {
            STATUS: (TrialStatus.FAILED if reason else TrialStatus.COMPLETED).value,
            REASON: reason,
            EPOCHS: [asdict(metrics) for metrics in finished],
            SECONDS: seconds,
            MADE_BY: made_by,
            PREDICTIONS: None if reason else probabilities,
        }
        for finished, reason, probabilities in zip(
            pack.finished, reasons, pack.validation_probabilities(), strict=True
        )
    ]
    tune.report({PACK: ends, "done": True})


def train_member(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains a member of a population: like `train_trial`, with a Tune checkpoint after each epoch.

    A member that starts from another's checkpoint goes on with its own values of what a population may
    change. Every report has the `VALUES` under which each epoch of its line was trained.
    """
    ours = assignment["trial"]
    started = time.perf_counter()
    training = _training(ours, data)
    from trainables.training import DivergedError

    values: list[dict[str, float]] = []
    inherited = tune.get_checkpoint()
    if inherited:
        with inherited.as_directory() as folder:
            training.inherit(Path(folder))
            values = json.loads((Path(folder) / "values.json").read_text())
    config = training.config
    try:
        for metrics in training.epochs():
            values.append({"learning_rate": config.learning_rate, "dropout": config.dropout})
            if metrics.epoch < config.epochs:  # after the last one nobody takes over from another
                _report_state(training, values)
        end: dict[str, Any] = {STATUS: TrialStatus.COMPLETED.value, REASON: ""}
        end[PREDICTIONS] = training.validation_probabilities()
    except DivergedError as error:
        end = {STATUS: TrialStatus.FAILED.value, REASON: str(error)}
    end |= {EPOCHS: [asdict(metrics) for metrics in training.finished], VALUES: values}
    figures = {**running_figures(training.finished), **end, SECONDS: time.perf_counter() - started}
    tune.report({**figures, MADE_BY: _made_by(), "done": True})


def _report_state(training: Training, values: list[dict[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        training.save(Path(folder))
        write_json(Path(folder) / "values.json", values)
        tune.report(
            {**running_figures(training.finished), VALUES: list(values)},
            checkpoint=tune.Checkpoint.from_directory(folder),
        )


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


def _training(ours: Mapping[str, Any], data: WorkerData) -> Training:
    config = TrialConfig.from_dict(ours["config"])
    prepare_process(data.keras_backend, data.cpus)
    from trainables.training import Examples, Training

    inputs = open_features(data.inputs[config.backbone])
    return Training(config, Examples(inputs, data.labels, *data.splits[ours["split"]]))


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
