"""Number of weights of a backbone with its default head, which the report's table of networks has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from trainables.backbones.table import Backbone
from trainables.backbones.weights import build_application
from trainables.training.network import Architecture, build_network


@dataclass(frozen=True)
class ParameterCounts:
    """Weights of a backbone and its default head; `total` is the sum of the other two."""

    total: int
    trainable: int
    non_trainable: int


def parameter_counts(backbone: Backbone) -> ParameterCounts:
    """Returns how many weights the backbone with its default head has, without allocating them."""
    with keras.StatelessScope(initialize_variables=False):
        body = build_application(backbone, None) if backbone.frozen else None
        shape = (body.output_shape[-1],) if body else (backbone.input_px, backbone.input_px, 3)
        head = build_network(Architecture(shape, backbone.hidden_units, has_dropout=False, has_l2=False))
    keras.utils.clear_session()  # else Keras allocates these weights with the next model, after all
    trainable = _size(head.trainable_weights)
    non_trainable = _size(head.non_trainable_weights) + (_size(body.weights) if body else 0)
    return ParameterCounts(trainable + non_trainable, trainable, non_trainable)


def _size(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
