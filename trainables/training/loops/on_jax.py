"""Steps of a head on JAX, in a loop inside of a compiled program."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import keras
import numpy as np
from keras import ops

from trainables.training.loops.length import steps_of


class LoopedSteps:
    """What `fit` calls on JAX for the batches of an execution: the steps that Keras would call one by one.

    Those of whole batches run in a loop inside of a compiled program, so that Python hands over the network
    once for many of them; a last batch of fewer rows is a step of its own. The numbers are those of Keras'
    own function to the bit. The loop has any number of steps, so that it is compiled as often as a step is.
    """

    def __init__(self, network: keras.Sequential) -> None:
        self._network = network
        self._run_whole = jax.jit(self._whole, donate_argnums=0)
        self._run_one = jax.jit(network.train_step, donate_argnums=0)
        self._last: dict[Any, Future[Any]] = {}  # the compiled step of a last batch whose parts are such
        self._beside = ThreadPoolExecutor(1, "compile")  # either takes seconds

    def __call__(self, state: Any, iterator: Iterator[Any]) -> Any:
        """Returns the figures after the next batches and the network's state."""
        batches = list(itertools.islice(iterator, self._network.steps_per_execution))
        whole = [batch for batch in batches if len(batch[0]) == len(batches[0][0])]
        last, has_last = batches[-1], len(whole) < len(batches)
        parts_of_last = tuple((part.shape, part.dtype) for part in last)  # weights of classes are a third one
        if has_last and parts_of_last not in self._last:
            self._last[parts_of_last] = self._beside.submit(self._run_one.lower(state, last).compile)
        steps = steps_of(len(batches[0][0]))
        for start in range(0, len(whole), steps):
            some = whole[start : start + steps]
            padded = some + some[-1:] * (steps - len(some))  # one shape, whatever their number
            parts = [np.stack(part) for part in zip(*padded, strict=True)]
            figures, state = self._run_whole(state, parts, len(some))
        return self._last[parts_of_last].result()(state, last) if has_last else (figures, state)

    def _whole(self, state: Any, batches: list[Any], count: Any) -> Any:
        def step(number: Any, before: tuple[Any, Any]) -> Any:
            return self._network.train_step(before[1], tuple(part[number] for part in batches))

        figures, _ = jax.eval_shape(step, 0, (None, state))
        nothing = jax.tree.map(lambda figure: ops.zeros(figure.shape, figure.dtype), figures)
        return jax.lax.fori_loop(0, count, step, (nothing, state))
