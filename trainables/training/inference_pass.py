"""The pass over training rows after an epoch: BatchNorm's statistics, and what the network says at inference.

BatchNorm's running averages keep a share of their start values that falls with the number of steps: of 0.99
a step, 45 % are left after 80. Exact statistics hang on no number of steps (Wu & Johnson 2021, "Rethinking
'Batch' in BatchNorm", section 3): layer by layer, each layer's are those of what the layers below it, whose
statistics are exact by then, make of the rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

Rows = Callable[[Callable[[Any], Any], Any], Any]
"""A function that applies another to rows `(n, d)`, all at once or some at a time."""


def pass_through(
    head: Sequence[layers.Layer], inputs: Any, *, exact: bool, over_rows: Rows | None = None
) -> Any:
    """Returns what the layers `head` make of `inputs` `(n, d)` at inference.

    With `exact` BatchNorm's statistics are assigned on the way, mean and biased variance over the rows.
    """
    apply = over_rows or (lambda function, rows: function(rows))
    for segment in _segments(head):  # all rows must be through the layers below before a BatchNorm is exact
        normalisation = segment[0]
        if exact and isinstance(normalisation, layers.BatchNormalization):
            rows = ops.cast(inputs, "float32")  # means over thousands of rows lose digits in half precision
            mean = ops.mean(rows, axis=0)
            normalisation.moving_mean.assign(mean)
            # in two steps on every backend: the mean of the squares less that of the rows cancels digits
            normalisation.moving_variance.assign(ops.mean(ops.square(rows - mean), axis=0))
        inputs = apply(functools.partial(_through, segment), inputs)
    return inputs


class InferencePass:
    """The pass of a head that is trained by itself, compiled once for each number of rows."""

    def __init__(self, head: Sequence[layers.Layer]) -> None:
        self._head = tuple(head)
        self._variables = [variable for layer in self._head for variable in layer.variables]
        self._statistics = statistics_of(self._head)
        self._compiled = _compiled(self._stateless)

    def run(self, inputs: Any, *, exact: bool) -> np.ndarray:
        """Returns the probabilities of label 1 `(n,)`; with `exact` the head's statistics are made exact."""
        values = [variable.value for variable in self._variables]
        statistics, answers = self._compiled(values, inputs, exact)
        for variable, value in zip(self._statistics, statistics, strict=True):
            variable.assign(value)
        found = np.asarray(answers, np.float32)
        return found[:, 0] if found.shape[1] == 1 else found

    def _stateless(self, values: Sequence[Any], inputs: Any, exact: bool) -> tuple[list[Any], Any]:
        # a compiled function assigns nothing: the new statistics come out of it
        with keras.StatelessScope(list(zip(self._variables, values, strict=True))) as scope:
            answers = pass_through(self._head, inputs, exact=exact)
            return [scope.get_current_value(variable) for variable in self._statistics], answers


def statistics_of(head: Sequence[layers.Layer]) -> list[keras.Variable]:
    """Returns the moving means and variances of the BatchNorm layers of `head`."""
    normalisations = [layer for layer in head if isinstance(layer, layers.BatchNormalization)]
    return [variable for layer in normalisations for variable in (layer.moving_mean, layer.moving_variance)]


def _segments(head: Sequence[layers.Layer]) -> list[list[layers.Layer]]:
    """Returns the layers in groups, each of which begins with a BatchNorm, but for the first."""
    segments: list[list[layers.Layer]] = []
    for layer in head:
        if not segments or isinstance(layer, layers.BatchNormalization):
            segments.append([])
        segments[-1].append(layer)
    return segments


def _through(segment: Sequence[layers.Layer], rows: Any) -> Any:
    for layer in segment:
        rows = layer(rows, training=False)
    return rows


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function compiled by the Keras backend; its last argument is a constant of the program."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function, static_argnums=2)
    import tensorflow as tf

    return tf.function(function, reduce_retracing=True)  # type: ignore[no-any-return]
