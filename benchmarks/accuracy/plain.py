"""What the plain Keras searches share: decoded photographs, their features, and a network to tune.

In their favour every photograph is decoded once and stays in memory, and the head is the one that ours has,
with the values that ours tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy.task import TEST, TRAIN, VALIDATION, Answers, Task
from search.space.presets import HEADS, PRESETS
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone, preprocess
from trainables.features.images import load_batches

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 32
# by the words of the preset: the values of a trial are numbers and words, as Optuna and KerasTuner take them
SPACE: Mapping[str, list[Any]] = {
    name: ["/".join(map(str, value)) or "none" if isinstance(value, tuple) else value for value in values]
    for name, values in PRESETS[HEADS].stages.items()
}


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a network reads of every row: features `(n, d)`, or with `of_images` pixels `(n, px, px, 3)`."""

    task: Task
    values: np.ndarray
    of_images: bool

    @classmethod
    def of(cls, task: Task, *, of_images: bool) -> Inputs:
        """Returns the pixels of the photographs, or what the frozen backbone makes of them."""
        backbone = find_backbone(task.backbone)
        pixels = np.concatenate(list(load_batches(task.paths(), backbone.input_px, BATCH_SIZE)))
        if of_images:
            return cls(task, pixels, True)
        return cls(task, _backbone(task).predict(pixels, batch_size=BATCH_SIZE, verbose=0), False)

    def part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns inputs and labels of one part."""
        return self.values[self.task.rows(name)], self.task.label(name)

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels to train on."""
        return self.part(TRAIN)

    @property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels to choose by."""
        return self.part(VALIDATION)

    def answers(self, model: keras.Model) -> Answers:
        """Returns what gives the labels that `model` says of the held-out rows."""
        held_out = self.part(TEST)[0]
        return lambda: np.asarray(model.predict(held_out, batch_size=BATCH_SIZE, verbose=0)).argmax(axis=1)

    def build(self, values: Mapping[str, Any]) -> keras.Model:
        """Returns a head with `values`, compiled; on images with the frozen backbone below it."""
        import keras
        from keras import layers

        below = [_backbone(self.task)] if self.of_images else []
        blocks: list[Any] = [layers.Input(self.values.shape[1:]), *below, layers.BatchNormalization()]
        for units in [] if values["neurons"] == "none" else values["neurons"].split("/"):
            blocks += [layers.Dense(int(units), activation="relu"), layers.BatchNormalization()]
            blocks.append(layers.Dropout(values["dropout"]))
        classes = int(self.task.table["label"].nunique())
        model = keras.Sequential([*blocks, layers.Dense(classes, activation="softmax")])
        optimizer = keras.optimizers.AdamW(values["lr"], weight_decay=values["weight_decay"])
        model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


def _backbone(task: Task) -> keras.Model:
    """Returns the frozen backbone on pixels from 0 to 255."""
    import keras

    backbone = find_backbone(task.backbone)
    pixels = keras.Input((backbone.input_px, backbone.input_px, 3))
    frozen = build_backbone(backbone, task.weights)
    model = keras.Model(pixels, frozen(preprocess(backbone, pixels), training=False))
    model.trainable = False
    return model
