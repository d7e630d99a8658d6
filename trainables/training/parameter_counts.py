"""Number of weights of a backbone with its default head, and the images a second that it takes here."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trainables.backbones.table import Backbone
from trainables.backbones.weights import build_application, build_backbone
from trainables.features.extraction import BATCH_SIZE, build_forward
from trainables.training.network import Architecture, build_network

MEASURED_BATCHES = 2


@dataclass(frozen=True)
class ParameterCounts:
    """Weights of a backbone and its default head; `total` is the sum of the other two."""

    total: int
    trainable: int
    non_trainable: int


def parameter_counts(backbone: Backbone) -> ParameterCounts:
    """Returns how many weights the backbone with its default head has, without allocating them."""
    presets = [build_backbone(part, "none") for part in backbone.each if part.preset]
    with keras.StatelessScope(initialize_variables=False):  # Keras counts from shapes alone
        built = [build_application(part, None) for part in backbone.each if part.frozen and not part.preset]
        bodies = [*presets, *built]
        features = sum(body.output_shape[-1] for body in bodies)
        shape = (features,) if bodies else (backbone.input_px, backbone.input_px, 3)
        head = build_network(Architecture(shape, backbone.hidden_units, has_dropout=False, has_l2=False))
    keras.utils.clear_session()  # else Keras allocates these weights with the next model, after all
    trainable = _size(head.trainable_weights)
    non_trainable = _size(head.non_trainable_weights) + sum(_size(body.weights) for body in bodies)
    return ParameterCounts(trainable + non_trainable, trainable, non_trainable)


def images_per_second(backbone: Backbone) -> float:
    """Returns how many images a second go through the frozen backbone here, its weights being random."""
    forward, px = build_forward(backbone, build_backbone(backbone, "none"), BATCH_SIZE), backbone.input_px
    images = np.random.default_rng(7).integers(0, 256, (BATCH_SIZE, px, px, 3)).astype(np.uint8)
    forward(images)  # compiles
    started = time.perf_counter()
    for _ in range(MEASURED_BATCHES):
        forward(images)
    return MEASURED_BATCHES * BATCH_SIZE / (time.perf_counter() - started)


def _size(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
