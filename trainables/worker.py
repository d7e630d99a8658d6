"""The adapter between training and Ray: what runs in Ray's worker processes.

Keras is imported inside the functions, after the process has been told its backend and its threads.
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from ray import tune

from data_prep.storage.json_files import Format, read_json, write_json
from data_prep.storage.remote import address_of, pull, push
from trainables.features.cache import open_features
from trainables.features.inputs import rows_read_by, sides_of
from trainables.features.local_copy import copy_here
from trainables.features.side_by_side import side_by_side
from trainables.objective import OBJECTIVE, Objective
from trainables.own_code import OwnCode
from trainables.process_setup import hide_gpus, import_keras, keep_compiled, prepare_process
from trainables.trial import LAST, EpochMetrics, TrialConfig, TrialStatus
from trainables.versions import differing_version, maker_of_a_trial, versions_here

if TYPE_CHECKING:
    from trainables.training.batches import Examples
    from trainables.training.training import Training

EPOCH = "epoch_metrics"  # the key of what every epoch reports; the last report of a trial adds the others
STATUS, REASON, SECONDS, MADE_BY = "status", "reason", "trial_seconds", "made_by"
EPOCHS, PREDICTIONS, VALUES = "all_epochs", "predictions", "values_by_epoch"
ASIDE = "aside"  # marks what is trained later, with fewer trials at a time, as memory ran out
PACK, ENDED = "pack", "ended"  # the second marks a member whose result the driver has
_VALUES = Format(1, sealed_from=1, oldest=1)  # of the file beside a member's state
STOPPED_EARLY = "stopped early by the scheduler"
NODE = "Ray's node "  # begins the note of an error that says where it was raised


class RefusedError(RuntimeError):
    """A node on which no trial of the search can be trained, whichever it is; a note has Ray's name of it."""

    def __init__(self, said: str) -> None:
        super().__init__(f"{said}, or take it out of the cluster")
        if ray.is_initialized():
            self.add_note(f"{NODE}{ray.get_runtime_context().get_node_id()}")


@dataclass(frozen=True, eq=False)
class WorkerData:
    """The data of the trials of a search; it reaches every worker once, through Ray's object store.

    `inputs`: the folder of cached rows by their name (`trainables.features.inputs`); `image_backend`: what
    trains networks on images, where that is another backend of Keras; `weights`: of a backbone
    that is trained, as for `build_backbone`; `labels`: `(n,)` int16; `splits`: train and validation rows by
    the split's name; `checkpoints`: the folder where trials on images keep their state after every epoch,
    those on features too where `pausing` is set; `kept`: that of weights that outlast their trial, a folder a
    key; `classes`: how many the labels are of; `objective`: what is compared, which every report carries;
    `early_stopping`: the handle of an actor that ends members of packs, a
    `search.ray_tune.schedulers.PackEarlyStopping`; `fits_packs`: whether a pack that is larger than the
    worker's GPU is trained in parts, as nobody asked for that size; `local_cache`: the folder of a worker's
    own disk that the rows are copied to, None to read them where they are; `compiled`: where JAX keeps
    compiled programs; `code` has networks of the user's own; `versions`: those of a cluster's driver,
    which a node that joins later must have, too.
    """

    inputs: Mapping[str, Path]
    weights: str
    labels: np.ndarray
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]]
    keras_backend: str
    image_backend: str
    cpus: int
    gpus: float
    checkpoints: Path
    kept: Path
    pausing: bool = False
    early_stopping: Any = None
    fits_packs: bool = False
    local_cache: Path | None = None
    compiled: Path | None = None
    classes: int = 2
    objective: Objective = OBJECTIVE
    code: OwnCode | None = None
    versions: Mapping[str, str] | None = None

    def backend_of(self, config: TrialConfig) -> str:
        """Returns the Keras backend that trains `config`."""
        return config.backend_among(self.keras_backend, self.image_backend)

    def examples(self, rows: str, split: str) -> Examples:
        """Returns the examples of that split with the inputs of that name; it imports Keras."""
        from trainables.training.batches import Examples

        return Examples(self.rows(rows), self.labels, *self.splits[split], self.classes)

    def rows(self, name: str) -> np.ndarray:
        """Returns the cached rows of that name as a read-only memory map, or several side by side."""
        return side_by_side([self._opened(side) for side in sides_of(name)])

    def _opened(self, name: str) -> np.ndarray:
        folder = self.inputs[name]  # <cache>/features/<key>
        copy_of_cache = folder.parents[1] if address_of(folder) else None
        local = self.local_cache or copy_of_cache
        return open_features(copy_here(folder, local) if local else folder)


def train_trial(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains the configuration of `assignment` on its split and reports every epoch to Ray Tune.

    `assignment`: `{"trial": {"key": …, "config": …, "split": …, "start": …, "keep": …}}`, of which `start` is
    the key of the trial whose weights it begins with (or empty), and `keep` whether its own outlast it. The
    last report carries how the trial ended, all its epochs, its wall seconds and the validation
    probabilities (float32); a trial that diverged ends as FAILED, with the reason, and does not raise. A
    trial that keeps checkpoints continues after the last epoch that it kept.
    """
    if assignment.get(ASIDE):
        put_aside(data)
        return
    ours = assignment["trial"]
    started = time.perf_counter()
    training = _training(ours, data)
    from trainables.training.training import DivergedError  # only now: it brings Keras with it

    keeps = data.pausing or training.examples.are_images or ours["keep"]
    checkpoint = data.checkpoints / ours["key"]
    if keeps:
        pull(checkpoint)
        training.restore(checkpoint)
    # `started` is later than they are where a machine was lost
    spent_before = sum(metrics.seconds for metrics in training.finished)
    end: dict[str, Any] = {STATUS: TrialStatus.COMPLETED.value, REASON: ""}
    try:
        for _ in training.epochs():
            if keeps:
                wait_for(data.checkpoints)
                training.save(checkpoint)
                push(checkpoint)
            if not training.config.is_over(training.finished):  # the last one is reported with the end
                tune.report(running_figures(training.finished, training.objective))
        end[PREDICTIONS] = training.validation_probabilities()
        if ours["keep"]:
            wait_for(data.checkpoints)
            training.keep(checkpoint, data.kept / ours["key"])
            push(data.kept / ours["key"])
    except DivergedError as error:
        end = {STATUS: TrialStatus.FAILED.value, REASON: str(error)}
    end[SECONDS] = spent_before + time.perf_counter() - started
    _report_end(training, end)


def wait_for(checkpoints: Path) -> None:
    """Waits until the folder that the driver made is there: where a storage is away, a bare one has it not.

    It is the driver that says so, and ends the search where it takes too long.
    """
    while not (checkpoints.is_dir() or address_of(checkpoints)):
        time.sleep(1)


def put_aside(data: WorkerData) -> None:
    """Reports that the trial, or pack, is not trained by now: the driver said so after it was queued."""
    tune.report({**running_figures([], data.objective), ASIDE: True, "done": True})


def train_member(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains a member of a population: like `train_trial`, with a Tune checkpoint after each epoch.

    A member that starts from another's checkpoint goes on with its own values of what a population may
    change. Every report has the `VALUES` under which each epoch of its line was trained.
    """
    ours = assignment["trial"]
    started = time.perf_counter()
    training = _training(ours, data)
    from trainables.training.training import DivergedError

    values: list[dict[str, float]] = []
    inherited = tune.get_checkpoint()
    if inherited:
        with inherited.as_directory() as folder:
            training.inherit(Path(folder))
            values = read_json(Path(folder) / "values.json", _VALUES)["values"]
    config = training.config
    try:
        for _ in training.epochs():
            values.append({"learning_rate": config.learning_rate, "dropout": config.dropout})
            if not config.is_over(training.finished):  # after the last one nobody takes over from another
                _report_state(training, values)
        end: dict[str, Any] = {STATUS: TrialStatus.COMPLETED.value, REASON: ""}
        end[PREDICTIONS] = training.validation_probabilities()
    except DivergedError as error:
        end = {STATUS: TrialStatus.FAILED.value, REASON: str(error)}
    _report_end(training, {**end, VALUES: values, SECONDS: time.perf_counter() - started})


def _report_end(training: Training, end: Mapping[str, Any]) -> None:
    """Reports for the last time; "done" ends the trial for Tune too, whatever a scheduler makes of it."""
    from trainables.training.devices import device_facts

    figures = running_figures(training.finished, training.objective)
    if end[STATUS] == TrialStatus.FAILED:
        figures.pop(EPOCH, None)  # it was heard before
    epochs = [metrics.to_dict() for metrics in training.finished]
    tune.report({**figures, **end, EPOCHS: epochs, MADE_BY: maker_of_a_trial(device_facts()), "done": True})


def _report_state(training: Training, values: list[dict[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        training.save(Path(folder), with_best=False)
        write_json(Path(folder) / "values.json", {"format": _VALUES.number, "values": values})
        tune.report(
            {**running_figures(training.finished, training.objective), VALUES: list(values)},
            checkpoint=tune.Checkpoint.from_directory(folder),  # which is copied before `report` returns
        )


def running_figures(finished: Sequence[EpochMetrics], objective: Objective = OBJECTIVE) -> dict[str, Any]:
    """Returns the last epoch's figures and the running mean and best of the validation accuracy, flat.

    Before the first epoch, where a trial diverged in it, they and the objective are the worst for schedulers.
    """
    if not finished:
        worst = {objective.metric: objective.worst}
        # a report without the metric would end all that Tune runs
        return {"epoch": 0, "mean_val_accuracy": 0.0, "best_val_accuracy": 0.0, **worst}
    last, accuracies = finished[-1], [metrics.val_accuracy for metrics in finished]
    return {
        # flat for Tune's schedulers, and as one for whoever keeps them
        **last.to_dict(),
        EPOCH: last.to_dict(),
        "mean_val_accuracy": sum(accuracies) / len(accuracies),
        "best_val_accuracy": max(accuracies),
    }


def prepare(data: WorkerData, keras_backend: str) -> None:
    """Prepares this process for trials.

    Raises RefusedError where this node has other versions than the driver, or where trials ask for a GPU
    and Keras sees none.
    """
    if data.versions and (told := differing_version(versions_here(data.keras_backend), data.versions)):
        raise RefusedError(f"node {platform.node()} has {told}; install the same on every node")
    see_only_what_was_asked_for()  # before Keras is imported: CUDA looks at it once
    if data.compiled:
        keep_compiled(data.compiled)
    prepare_process(keras_backend, data.cpus, data.gpus)
    import_keras()
    if data.gpus:
        from trainables.training.devices import gpus_seen

        if not gpus_seen():
            seen = f"Keras on {keras_backend} sees no GPU on node {platform.node()}"
            raise RefusedError(f"{seen}; install CUDA's packages there")


def see_only_what_was_asked_for() -> None:
    """Hides the GPUs from a task that has none of them; Ray itself leaves them all in sight."""
    if ray.is_initialized() and not ray.get_gpu_ids():
        hide_gpus()


def _training(ours: Mapping[str, Any], data: WorkerData) -> Training:
    config = TrialConfig.from_dict(ours["config"])
    prepare(data, data.backend_of(config))
    from trainables.training.training import Training

    examples = data.examples(rows_read_by(config), ours["split"])
    training = Training(config, examples, data.weights, objective=data.objective, code=data.code)
    if ours["start"]:
        pull(weights := data.kept / ours["start"] / LAST)
        training.start_from(weights)
    return training
