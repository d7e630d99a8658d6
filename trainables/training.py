"""Trains one configuration on examples that lie in memory or in a memory-mapped file."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from trainables.network import Architecture, build_network, set_initial_state
from trainables.schedules import learning_rate_of_epoch
from trainables.trial import EpochMetrics, TrialConfig

STEPS_PER_EXECUTION = 32
VALIDATION_BATCH = 512
PIXEL_VALIDATION_BATCH = 64


class DivergedError(RuntimeError):
    """The loss of a trial is no longer a number; the message says when and at which learning rate."""


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
            if not (math.isfinite(metrics.loss) and math.isfinite(metrics.val_loss)):
                raise DivergedError(
                    f"the loss is not finite after epoch {epoch} (loss {metrics.loss}, validation loss "
                    f"{metrics.val_loss}) at learning rate {metrics.learning_rate:g}"
                )
            self.finished.append(metrics)
            yield metrics

    def validation_probabilities(self) -> np.ndarray:
        """Returns the probability of label 1 of each validation example, float32 `(n_validation,)`."""
        predicted = self._network.predict(self._validation_batches(), verbose=0)
        return np.asarray(predicted, np.float32)[:, 0]

    def _train_epoch(self, epoch: int) -> EpochMetrics:
        started = time.perf_counter()
        learning_rate = learning_rate_of_epoch(self.config, [done.val_loss for done in self.finished])
        self._network.optimizer.learning_rate.assign(learning_rate)
        order = np.random.default_rng([self.config.seed, epoch]).permutation(self.examples.train)
        history = self._network.fit(
            Batches(self.examples, order, self.config.batch_size),
            validation_data=self._validation_batches(),
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
    """XLA halves a step, but on TensorFlow's CPU it draws dropout's random numbers 12 times slower."""
    return keras.backend.backend() == "jax" or not architecture.has_dropout
