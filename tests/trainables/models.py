"""Tiny Keras models of the contract of a final model."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

TINY_PX = 16


def write_brightness_model(path: Path, px: int = TINY_PX) -> Path:
    """Writes a model whose probability of label 1 rises with the mean brightness: black 0.02, white 0.98."""
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            keras.Input((px, px, 3)),
            layers.Rescaling(2 / 255, -1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    network.layers[-1].set_weights([np.full((3, 1), 4 / 3), np.zeros(1)])
    return save(network, path)


def write_convolution_model(path: Path, px: int = TINY_PX, classes: int = 2) -> Path:
    """Writes a model with the kinds of layers that a backbone with its head has, with random weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    network = keras.Sequential(
        [
            keras.Input((px, px, 3)),
            layers.Rescaling(2 / 255, -1),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid") if classes == 2 else layers.Dense(classes, "softmax"),
        ]
    )
    network.layers[-1].kernel.assign(5 * np.asarray(network.layers[-1].kernel))
    return save(network, path)


def save(network: Any, path: Path) -> Path:
    """Writes a Keras model and returns its path."""
    with warnings.catch_warnings():  # Keras writes h5 files in a way that numpy 2 warns of
        warnings.filterwarnings("ignore", message="__array__ implementation")
        network.save(path)
    return path
