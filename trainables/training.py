"""Trains one configuration on examples that lie in memory or in a memory-mapped file."""

from __future__ import annotations

import functools
import json
import math
import time
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data_prep.files import write_whole
from trainables.network import Architecture, build_network, set_initial_state, set_rates
from trainables.schedules import learning_rate_of_epoch
from trainables.trial import EpochMetrics, TrialConfig

STEPS_PER_EXECUTION = 32
VALIDATION_BATCH = 512
PIXEL_VALIDATION_BATCH = 64
CHECKPOINT = "state.npz"


class DivergedError(RuntimeError):
    """The loss of a trial is no longer a number; the message says when and at which learning rate."""


def divergence(metrics: EpochMetrics) -> DivergedError | None:
    """Returns the error of a trial whose losses were no longer finite in an epoch, None where they were."""
    if math.isfinite(metrics.loss) and math.isfinite(metrics.val_loss):
        return None
    return DivergedError(
        f"the loss is not finite after epoch {metrics.epoch} (loss {metrics.loss}, validation loss "
        f"{metrics.val_loss}) at learning rate {metrics.learning_rate:g}"
    )


@dataclass(frozen=True, eq=False)
class Examples:
    """What a trial reads.

    `inputs`: array or read-only memory map `(n, features)` float32 or `(n, px, px, 3)` uint8;
    `labels`: `(n,)`, 0 or 1; `train` and `validation`: row numbers, int64.
    """

    inputs: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray


class Training:
    """One configuration in training.

    The network of an architecture is compiled once a process and reset here, so only one `Training` of
    an architecture may be under way in a process.
    """

    def __init__(self, config: TrialConfig, examples: Examples) -> None:
        self.config = config
        self.examples = examples
        self.finished: list[EpochMetrics] = []
        self._network = _compiled_network(Architecture.of(config, examples.inputs.shape[1:]))
        set_initial_state(self._network, config)
        for variable in self._network.optimizer.variables:
            variable.assign(np.zeros(variable.shape))

    def epochs(self) -> Iterator[EpochMetrics]:
        """Trains on, an epoch a step, to the last of `config.epochs`.

        Raises DivergedError after an epoch whose losses are not finite.
        """
        for epoch in range(len(self.finished) + 1, self.config.epochs + 1):
            metrics = self._train_epoch(epoch)
            diverged = divergence(metrics)
            if diverged:
                raise diverged
            self.finished.append(metrics)
            yield metrics

    def validation_probabilities(self) -> np.ndarray:
        """Returns the probability of label 1 of each validation example, float32 `(n_validation,)`."""
        batches = self._validation_batches()  # `predict` would hold 32 of them, 300 MB of pixels, at a time
        predicted = [self._network.predict_on_batch(batches[number][0]) for number in range(len(batches))]
        return np.concatenate(predicted).astype(np.float32)[:, 0]

    def save(self, folder: Path) -> None:
        """Keeps the whole state after the last finished epoch in `folder`, in place of the one before.

        It is one file, there whole or not at all. Raises OSError where it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        facts = {**self._identity(), "epochs": [asdict(metrics) for metrics in self.finished]}
        arrays = [np.array(json.dumps(facts, allow_nan=False))]
        arrays += [np.asarray(variable.value) for variable in self._state()]
        write_whole(folder / CHECKPOINT, lambda file: np.savez(file, *arrays))

    def restore(self, folder: Path) -> bool:
        """Goes to where `save` was called for this configuration; returns whether `folder` keeps that.

        What is damaged, or of another configuration or Keras backend, is left with a warning.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        try:
            self._read(path, self._identity())
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            warnings.warn(f"the trial starts anew, without its checkpoint {path}: {error}", stacklevel=2)
            return False
        return True

    def inherit(self, folder: Path) -> None:
        """Goes to where another configuration of this architecture called `save`, with its own rates.

        Raises OSError or ValueError where there is no such state.
        """
        self._read(folder / CHECKPOINT, None)
        set_rates(self._network, self.config)

    def _read(self, path: Path, identity: dict[str, object] | None) -> None:
        """Takes over the state at `path`, which must be of `identity` where that is given."""
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            facts, *values = (file[name] for name in file.files)
        facts = json.loads(str(facts))
        epochs = facts.pop("epochs")
        if identity is not None and facts != identity:
            raise ValueError(f"it is of another trial, {facts}")
        if [value.shape for value in values] != [tuple(variable.shape) for variable in self._state()]:
            raise ValueError("its weights are those of another network")
        self.finished = [EpochMetrics(**metrics) for metrics in epochs]
        for variable, value in zip(self._state(), values, strict=True):
            variable.assign(value)

    def _identity(self) -> dict[str, object]:
        return {"config": self.config.to_dict(), "keras_backend": keras.backend.backend()}

    def _state(self) -> list[keras.Variable]:
        return [*self._network.variables, *self._network.optimizer.variables]

    def _train_epoch(self, epoch: int) -> EpochMetrics:
        started = time.perf_counter()
        learning_rate = learning_rate_of_epoch(self.config, [done.val_loss for done in self.finished])
        self._network.optimizer.learning_rate.assign(learning_rate)
        order = np.random.default_rng([self.config.seed, epoch]).permutation(self.examples.train)
        history = self._network.fit(
            _readable(Batches(self.examples, order, self.config.batch_size)),
            validation_data=_readable(self._validation_batches()),
            initial_epoch=epoch - 1,
            epochs=epoch,
            shuffle=False,
            verbose=0,
        ).history
        return EpochMetrics(
            epoch=epoch,
            **{name: float(history[name][-1]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")},
            learning_rate=learning_rate,
            seconds=time.perf_counter() - started,
        )

    def _validation_batches(self) -> Batches:
        reads_pixels = self.examples.inputs.ndim == 4
        size = PIXEL_VALIDATION_BATCH if reads_pixels else VALIDATION_BATCH
        return Batches(self.examples, self.examples.validation, size)


class Batches(keras.utils.PyDataset):
    """The examples of the given rows in the given order, `batch_size` at a time; the last may be smaller."""

    def __init__(self, examples: Examples, rows: Sequence[int] | np.ndarray, batch_size: int) -> None:
        super().__init__()
        self._examples = examples
        self._rows = np.asarray(rows)
        self._batch_size = batch_size

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self._rows[index * self._batch_size : (index + 1) * self._batch_size]
        return self._examples.inputs[rows], self._examples.labels[rows, None].astype(np.float32)


def _readable(batches: Batches) -> Any:
    """Returns the batches as Keras reads them with the least work on its backend.

    On TensorFlow Keras would draw them through `Dataset.from_generator`, a third of a head's step.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    inputs, labels = batches[0]

    def read(number: Any) -> tuple[Any, Any]:
        types = (inputs.dtype, labels.dtype)
        read_inputs, read_labels = tf.numpy_function(batches.__getitem__, [number], types)
        return tf.ensure_shape(read_inputs, (None, *inputs.shape[1:])), tf.ensure_shape(
            read_labels, (None, 1)
        )

    return (
        tf.data.Dataset.range(len(batches))
        .map(tf.autograph.experimental.do_not_convert(read))
        .prefetch(tf.data.AUTOTUNE)
    )


@functools.lru_cache(maxsize=4)
def _compiled_network(architecture: Architecture) -> keras.Sequential:
    network = build_network(architecture)
    network.compile(
        keras.optimizers.Adam(),
        loss="binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=_is_faster_compiled(architecture),
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    network.optimizer.build(network.trainable_variables)
    return network


def _is_faster_compiled(architecture: Architecture) -> bool:
    """XLA halves a step, but on TensorFlow's CPU it draws dropout's random numbers 12 times slower.

    It draws others, too: the choice hangs on nothing else, so that all rates of dropout see the same masks.
    """
    return keras.backend.backend() == "jax" or not architecture.has_dropout
