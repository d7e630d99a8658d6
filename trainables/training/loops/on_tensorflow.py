"""Steps of a head on TensorFlow, in a loop inside of a program that XLA compiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainables.training.batches import Batches
from trainables.training.loops.length import steps_of
from trainables.training.network import RateDropout


class LoopedSteps:
    """What `fit` calls on TensorFlow for the next part of `in_parts`: its steps, in a loop compiled by XLA.

    The numbers are those of Keras' own function, but for rounding: weights differed by 1e-8 to 1e-7. Those of
    dropout are drawn before, by TensorFlow's own operation: XLA takes 12 times as long, and draws others.
    """

    def __init__(self, network: keras.Sequential) -> None:
        self._network = network
        self._dropouts = [layer for layer in network.layers if isinstance(layer, RateDropout)]
        self._run = tf.function(self._loop, jit_compile=True)
        self._draw = tf.function(self._numbers)

    def __call__(self, iterator: Iterator[Any]) -> Any:
        """Returns the figures after the next part; the iterator says where there is none."""
        *parts, count = next(iterator)
        steps, rows = parts[0].shape[:2]
        numbers = [self._draw(number, steps, rows, count) for number in range(len(self._dropouts))]
        return self._run(parts, numbers, count)

    def _numbers(self, dropout: int, steps: int, rows: int, count: Any) -> Any:
        """Returns what a dropout layer draws in so many steps, `(steps, rows, units)`; `count` are taken."""
        layer = self._dropouts[dropout]
        state = layer.seed_generator.state
        start = state.value * 1  # a copy
        shape = (rows, layer.input.shape[-1])
        drawn = [keras.random.uniform(shape, seed=layer.seed_generator) for _ in range(steps)]
        state.assign(start + tf.cast([0, count], start.dtype))
        return tf.stack(drawn)

    def _loop(self, parts: list[Any], numbers: list[Any], count: Any) -> Any:
        def step(number: Any) -> tuple[Any]:
            for layer, drawn in zip(self._dropouts, numbers, strict=True):
                layer.drawn = drawn[number]
            try:
                self._network.train_step(tuple(part[number] for part in parts))
            finally:
                for layer in self._dropouts:
                    layer.drawn = None
            return (number + 1,)

        tf.while_loop(lambda number: number < count, step, (tf.constant(0),), parallel_iterations=1)
        return self._network.get_metrics_result()


def in_parts(batches: Batches) -> tf.data.Dataset:
    """Returns the batches as `LoopedSteps` reads them: those of a loop side by side, and how many they are.

    A last batch of fewer rows is a part of its own; a last loop of fewer steps repeats its last batch.
    """
    first, last = batches[0], batches[len(batches) - 1]
    steps = steps_of(len(first[0]))
    whole = len(batches) - (len(last[0]) < len(first[0]))
    loops = [range(start, min(start + steps, whole)) for start in range(0, whole, steps)]
    loops += [range(whole, len(batches))] if whole < len(batches) else []
    types = [*(part.dtype for part in first), np.dtype(np.int32)]

    def read(number: int) -> list[np.ndarray]:
        some = [batches[index] for index in loops[number]]
        count = np.asarray(len(some), np.int32)
        if loops[number].start < whole:  # one shape, whatever their number
            some += some[-1:] * (steps - len(some))
        return [*(np.stack(part) for part in zip(*some, strict=True)), count]

    def read_part(number: Any) -> tuple[Any, ...]:
        *parts, count = tf.numpy_function(read, [number], types)
        # numpy_function forgets the shapes, which the network needs
        shaped = (
            tf.ensure_shape(part, (None, None, *of.shape[1:])) for part, of in zip(parts, first, strict=True)
        )
        return (*shaped, tf.ensure_shape(count, ()))

    numbers = tf.data.Dataset.range(len(loops))
    return numbers.map(tf.autograph.experimental.do_not_convert(read_part)).prefetch(1)
