"""Cost of backbones: their weights, and the arithmetic of an image.

Keras is imported only where a network is built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainables.backbones.table import Backbone, find_backbone

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of a frozen backbone: `weights` in millions, `gflop` an image at the input size it reads.

    A product and the sum that takes it are 2 operations; those of activations, normalisation and pooling
    are not counted.
    """

    weights: float
    gflop: float


def known_cost(backbone: Backbone) -> Cost | None:
    """Returns the cost of a backbone, of several side by side their sum; None where it is not in KNOWN."""
    if backbone.parts:
        parts = [known_cost(part) for part in backbone.parts]
        known = [part for part in parts if part]
        if len(known) < len(parts):
            return None
        return Cost(weights=sum(part.weights for part in known), gflop=sum(part.gflop for part in known))
    found = KNOWN.get(backbone.application or backbone.name)
    if found is None:
        return None
    usual = find_backbone(backbone.name.partition("@")[0]).input_px
    return Cost(weights=found[0], gflop=found[1] * (backbone.input_px / usual) ** 2)


def built_cost(model: keras.Model) -> Cost:
    """Returns the cost of a network of Keras, counted layer by layer."""
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    return Cost(weights=weights / 1e6, gflop=2 * sum(_products(model)) / 1e9)


def _products(model: keras.Model) -> Iterator[int]:
    """Yields the products of each layer: every number of a kernel meets every place of its output."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _products(layer)
        elif isinstance(layer, keras.layers.SeparableConv2D):
            yield (_size(layer.depthwise_kernel) + _size(layer.pointwise_kernel)) * _places(layer)
        elif hasattr(layer, "kernel"):
            yield _size(layer.kernel) * _places(layer)


def _size(weight: Any) -> int:
    return math.prod(weight.shape)


def _places(layer: keras.layers.Layer) -> int:
    return math.prod(layer.output.shape[1:-1])


# millions of weights and GFLOP an image at the usual input size, by the name in keras.applications, without
# the top, as `built_cost` counts them
KNOWN: dict[str, tuple[float, float]] = {}
