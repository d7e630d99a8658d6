"""Batches that a network reads, in an order that is ours, made ahead of the step that needs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from data_prep.errors import InputError
from trainables.features.images import Pixels
from trainables.hyperparameters import BALANCED
from trainables.training.augmentation import Augmentation

PIXEL_VALIDATION_BATCH = 64
BATCHES_AHEAD = 2  # of images, cut while the network is at work


@dataclass(frozen=True, eq=False)
class Examples:
    """The examples that a trial reads.

    `inputs`: array or read-only memory map `(n, features)` float32 or `(n, px, px, 3)` uint8;
    `labels`: `(n,)`, from 0 and below `classes`; `train` and `validation`: row numbers, int64. Raises
    InputError where one of them has none.
    """

    inputs: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    classes: int = 2

    def __post_init__(self) -> None:
        if not len(self.train) or not len(self.validation):
            raise InputError(
                f"a trial needs rows to train on and rows to validate, received {len(self.train):,} and "
                f"{len(self.validation):,}; use more data or another split"
            )

    @property
    def are_images(self) -> bool:
        """Whether the inputs are pixels."""
        return self.inputs.ndim == 4

    def class_weights(self, kind: str) -> np.ndarray | None:
        """Returns what an image of each class weighs in training, `(classes,)` float32, None for 1 each.

        BALANCED are scikit-learn's: the mean over the training rows is 1, and each class that is among them
        weighs as much as another in all.
        """
        if kind != BALANCED:
            return None
        counts = np.bincount(self.labels[self.train], minlength=self.classes)
        mean_count = counts.sum() / np.count_nonzero(counts)
        # a class without training rows is never looked up
        return np.asarray(mean_count / np.maximum(counts, 1), np.float32)


class Batches(keras.utils.PyDataset):
    """The examples of the given rows in the given order, `batch_size` at a time; the last may be smaller.

    `augmentation` says for images what is cut out of each, which a thread does ahead of who asks in order;
    without it inputs are read as they are. With `class_weights` `(classes,)` each batch carries the weight of
    its rows, too. (Keras' own workers lose the batch with which it first looks
    at its data: the first epoch of a new network would differ from that of a reused one.)
    """

    def __init__(
        self,
        examples: Examples,
        rows: Sequence[int] | np.ndarray,
        batch_size: int,
        augmentation: Augmentation | None = None,
        *,
        class_weights: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self._examples = examples
        self._rows = np.asarray(rows)
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._class_weights = class_weights
        self._reader = augmentation and _ReaderAhead(examples.inputs, augmentation, self._rows, batch_size)

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        places = _places(index, self._batch_size, len(self._rows))
        rows = self._rows[places]
        labels = self._examples.labels[rows]
        inputs = self._reader.read(index) if self._reader else self._examples.inputs[rows]
        learnt = labels[:, None].astype(np.float32)
        if self._augmentation:
            learnt = self._augmentation.labels(labels, places)
        weights = () if self._class_weights is None else (weights_of(learnt, self._class_weights),)
        return inputs, learnt, *weights


def weights_of(labels: np.ndarray, class_weights: np.ndarray) -> np.ndarray:
    """Returns what the examples with these `labels` of `Augmentation.labels` weigh, `(n,)`."""
    first: np.ndarray = class_weights[labels[:, 0].astype(int)]
    if labels.shape[1] == 1:
        return first
    share = labels[:, 2]
    return np.asarray(share * first + (1 - share) * class_weights[labels[:, 1].astype(int)], np.float32)


class _ReaderAhead:
    """A reader of batches of images: a thread has the next ones ready for a caller that asks in order."""

    def __init__(
        self, images: np.ndarray, augmentation: Augmentation, rows: np.ndarray, batch_size: int
    ) -> None:
        self._images, self._augmentation, self._rows = images, augmentation, rows
        self._batch_size = batch_size
        self._thread = ThreadPoolExecutor(1, "cut")
        self._ahead: dict[int, Future[Pixels]] = {}

    def read(self, index: int) -> Pixels:
        batches = math.ceil(len(self._rows) / self._batch_size)
        wanted = range(index, min(index + 1 + BATCHES_AHEAD, batches))
        self._ahead = {number: self._ahead.get(number) or self._start(number) for number in wanted}
        return self._ahead[index].result()

    def _start(self, index: int) -> Future[Pixels]:
        places = _places(index, self._batch_size, len(self._rows))
        return self._thread.submit(self._augmentation.apply, self._images, self._rows[places], places)


def _places(index: int, batch_size: int, rows: int) -> np.ndarray:
    return np.arange(index * batch_size, min((index + 1) * batch_size, rows))


def readable(batches: Batches) -> Any:
    """Returns the batches as Keras reads them with the least work on its backend.

    On TensorFlow Keras would draw them through `Dataset.from_generator`, a third of a head's step.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    first = batches[0]
    types = [part.dtype for part in first]

    def read(number: Any) -> tuple[Any, ...]:
        parts = tf.numpy_function(batches.__getitem__, [number], types)
        # numpy_function forgets the shapes, which the network needs
        return tuple(
            tf.ensure_shape(part, (None, *of.shape[1:])) for part, of in zip(parts, first, strict=True)
        )

    numbers = tf.data.Dataset.range(len(batches))
    return numbers.map(tf.autograph.experimental.do_not_convert(read)).prefetch(tf.data.AUTOTUNE)
