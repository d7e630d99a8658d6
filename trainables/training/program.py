"""The compiled program of an architecture, which every configuration of it shares."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from trainables.training.batches import Batches, readable
from trainables.training.devices import device_count, spreading
from trainables.training.inference_pass import InferencePass
from trainables.training.loops import length
from trainables.training.network import (
    Architecture,
    body_of,
    head_of,
    loss_of,
    network_to_train,
    set_initial_state,
)
from trainables.training.optimizers import set_numbers
from trainables.trial import TrialConfig


class MixedLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """The loss of mixed images: that of both labels, each with its share; see `Augmentation.labels`."""

    def __init__(self, plain: keras.losses.Loss) -> None:
        super().__init__()
        self._plain = plain

    def call(self, y_true: Any, y_pred: Any) -> Any:
        first = self._plain.call(y_true[:, :1], y_pred)
        if y_true.shape[-1] == 1:  # of validation
            return first
        share = y_true[:, 2]
        return share * first + (1 - share) * self._plain.call(y_true[:, 1:2], y_pred)


def accuracy_of_first() -> keras.metrics.Metric:
    """Returns the accuracy by the label of the image whose share is the larger one."""

    def is_right(y_true: Any, y_pred: Any) -> Any:
        first = y_true[:, 0]
        several = y_pred.shape[-1] > 1
        said = ops.argmax(y_pred, axis=-1) if several else y_pred[:, 0] > 0.5
        return ops.cast(ops.equal(ops.cast(said, first.dtype), first), "float32")

    return keras.metrics.MeanMetricWrapper(is_right, name="accuracy")


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled network, its variables that training changes, and the first values of some.

    `below` is the part of a network on images that its `head` stands on, None where it reads features.
    `changing` starts with the head's, in the order that the head alone has, too; `starts` are of what
    `set_initial_state` leaves: the backbone and the optimizer. `feed` gives batches as `fit` reads them.
    """

    network: keras.Sequential
    below: keras.Sequential | None
    head: InferencePass
    changing: tuple[keras.Variable, ...]
    starts: tuple[tuple[keras.Variable, np.ndarray], ...]
    feed: Callable[[Batches], Any]

    def begin(self, config: TrialConfig) -> None:
        """Puts everything where training with `config` begins, whatever was trained before."""
        set_initial_state(self.network, config)
        for variable, start in self.starts:
            variable.assign(start)
        set_numbers(self.network.optimizer, config)


# building and compiling anew for each trial would cost 3 to 5 s of CPU; few are kept, as each has its weights
@functools.lru_cache(maxsize=4)
def compiled(architecture: Architecture) -> Program:
    """Returns the compiled program of `architecture`; raises InputError where it cannot be built."""
    reads_images = len(architecture.input_shape) == 3
    backend = keras.backend.backend()
    # XLA need not know what is in a network of the user's own
    loops = not reads_images and (backend == "jax" or not architecture.own)
    in_parts = loops and backend == "tensorflow"  # each of which is one step to Keras
    with spreading(device_count() if reads_images else 1):
        network = network_to_train(architecture)
        network.compile(
            architecture.optimizer.build(),
            loss=MixedLoss(loss_of(network)) if architecture.mixes else loss_of(network),
            metrics=[accuracy_of_first() if architecture.mixes else "accuracy"],
            jit_compile=is_faster_compiled(architecture),
            steps_per_execution=1 if reads_images or in_parts else length.STEPS,
            auto_scale_loss=True,  # of use with float16 alone, whose small gradients would become 0
        )
        if loops:
            network.train_function = _loop_of(network)  # Keras makes one only where there is none
        head = head_of(network)
        below = _below(network, head) if reads_images else None
        # now: the first `fit` would build it after its first values are noted below
        network.optimizer.build(network.trainable_variables)
    changing = changing_variables(network)
    pretrained = changing[len(_head_variables(network)) :]
    # copies: a step on JAX takes over the memory of the values that it replaces
    starts = [(variable, np.asarray(variable.value).copy()) for variable in pretrained]
    starts += [(variable, _optimizer_start(variable)) for variable in network.optimizer.variables]
    feed = _in_parts if in_parts else readable
    return Program(network, below, InferencePass(head), tuple(changing), tuple(starts), feed)


def _in_parts(batches: Batches) -> Any:
    from trainables.training.loops.on_tensorflow import in_parts

    return in_parts(batches)


def _loop_of(network: keras.Sequential) -> Any:
    """Returns what `fit` calls for steps of a head, in place of Keras' own function."""
    if keras.backend.backend() == "jax":
        from trainables.training.loops import on_jax

        return on_jax.LoopedSteps(network)
    from trainables.training.loops import on_tensorflow

    return on_tensorflow.LoopedSteps(network)


def _below(network: keras.Sequential, head: list[keras.Layer]) -> keras.Sequential:
    """Returns the network less its head; they share the layers."""
    if not head:
        return network
    return keras.Sequential([keras.Input(network.input_shape[1:]), *network.layers[: -len(head)]])


def changing_variables(network: keras.Sequential) -> list[keras.Variable]:
    """Returns the variables that training changes: the head's, then those of a backbone's trained layers."""
    body = body_of(network)
    unfrozen = [layer for layer in body.layers if layer.trainable] if body else []
    return [*_head_variables(network), *(variable for layer in unfrozen for variable in layer.variables)]


def _head_variables(network: keras.Sequential) -> list[keras.Variable]:
    body = body_of(network)
    return [variable for layer in network.layers if layer is not body for variable in layer.variables]


def _optimizer_start(variable: keras.Variable) -> np.ndarray:
    """Returns the first value of an optimizer's variable: moments are 0, the scale of losses is as built."""
    # TensorFlow's shape of a number is true, and a scale of 0 makes NaN of all losses
    if len(variable.shape):
        # one zero in memory, whatever the shape: moments are twice as large as their network
        return np.broadcast_to(np.zeros((), variable.dtype), variable.shape)
    return np.asarray(variable.value).copy()


def is_faster_compiled(architecture: Architecture) -> bool:
    """Returns whether XLA makes the training faster.

    It halves a head's step, but on TensorFlow's CPU it draws dropout's random numbers 12 times slower. It
    draws others, too: the choice hangs on nothing else, so that all rates of dropout see the same masks.
    Its convolutions are slower than oneDNN's, and TensorFlow cannot spread what it compiled over devices.
    """
    reads_images = len(architecture.input_shape) == 3
    return keras.backend.backend() == "jax" or not (architecture.has_dropout or reads_images)
