"""A head on cached features as plain Keras has it: what the searches of `benchmarks.peers` train.

Its functions are for programs whose Keras backend the environment has set.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

HIDDEN_UNITS = (1024, 512, 256)


@dataclass(frozen=True, eq=False)
class Rows:
    """Features `(n, d)` float32 and labels `(n, 1)` float32, to train on and to validate."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]

    @classmethod
    def read(cls, path: Path) -> Rows:
        """Returns what `write_rows` wrote at `path`."""
        with np.load(path) as file:
            return cls((file["train"], file["train_labels"]), (file["validation"], file["validation_labels"]))


def write_rows(path: Path, features: np.ndarray, labels: np.ndarray, splits: Sequence[np.ndarray]) -> None:
    """Writes the rows of training and of validation, `splits`, at `path`."""
    train, validation = splits
    column = labels[:, None].astype(np.float32)
    np.savez(
        path,
        train=features[train],
        train_labels=column[train],
        validation=features[validation],
        validation_labels=column[validation],
    )


def build_head(features: int, learning_rate: float, dropout: float) -> keras.Model:
    """Returns the report's head, compiled."""
    import keras
    from keras import layers

    blocks: list[layers.Layer] = [layers.Input((features,)), layers.BatchNormalization()]
    for units in HIDDEN_UNITS:
        blocks += [layers.Dense(units, activation="relu"), layers.BatchNormalization()]
        if dropout:
            blocks.append(layers.Dropout(dropout))
    model = keras.Sequential([*blocks, layers.Dense(1, activation="sigmoid")])
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def stopwatch(epoch_seconds: list[float]) -> keras.callbacks.Callback:
    """Returns a callback that adds the seconds of every epoch, its validation included."""
    import keras

    started = [0.0]

    def begin(epoch: int, logs: Any) -> None:
        started[0] = time.perf_counter()

    def end(epoch: int, logs: Any) -> None:
        epoch_seconds.append(time.perf_counter() - started[0])

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)


def script_parser(name: str, description: str) -> argparse.ArgumentParser:
    """Returns the options that the scripts of all searches share."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--rows", type=Path, required=True, help="what `write_rows` wrote")
    parser.add_argument("--images", type=int, required=True, help="the number of rows")
    parser.add_argument("--out", type=Path, required=True, help="where the result goes, as JSON")
    parser.add_argument("--learning-rates", type=float, nargs="+", required=True, metavar="RATE")
    parser.add_argument("--dropouts", type=float, nargs="+", required=True, metavar="RATE")
    parser.add_argument("--batch-size", type=int, default=32, help="examples a step")
    parser.add_argument("--epochs", type=int, default=5, help="of every trial")
    parser.add_argument("--cpus-per-trial", type=int, default=2, help="for Ray; the others train one by one")
    return parser
