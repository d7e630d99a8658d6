"""Optimizers whose momentum, weight decay and clipping are variables, as one program serves all values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from trainables.trial import TrialConfig


@dataclass(frozen=True)
class Recipe:
    """The facts of an optimizer that decide the shape of a compiled program; its other numbers are data.

    Without weight decay and clipping adam is Keras' own, to the bit.
    """

    name: str = "adam"
    nesterov: bool = False
    decays: bool = False
    clips: bool = False

    @classmethod
    def of(cls, configs: Sequence[TrialConfig]) -> Recipe:
        """Returns the recipe that serves all of `configs`, which have optimizer and Nesterov in common."""
        return cls(
            configs[0].optimizer,
            configs[0].nesterov,
            any(config.weight_decay > 0 for config in configs),
            any(config.clip_norm > 0 for config in configs),
        )

    def build(self) -> keras.optimizers.Optimizer:
        """Returns the optimizer, not built; `set_numbers` gives it its numbers afterwards."""
        settings = {"nesterov": self.nesterov} if self.name == "sgd" else {}
        optimizer = _CLASSES[self.name](name=self.name, **settings)
        optimizer.decays, optimizer.clips = self.decays, self.clips
        return optimizer


PLAIN = Recipe()


def numbers_of(
    optimizer: keras.optimizers.Optimizer, config: TrialConfig
) -> Iterator[tuple[keras.Variable, float]]:
    """Yields the variables of a built `optimizer` that hold a number of `config`, each with its value."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # float16 has one around it that scales the loss
    for name, variable in inner.numbers.items():
        yield variable, getattr(config, name)


def set_numbers(optimizer: keras.optimizers.Optimizer, config: TrialConfig) -> None:
    """Gives a built `optimizer` the momentum, weight decay and clipping of `config`."""
    for variable, value in numbers_of(optimizer, config):
        variable.assign(value)


class _Numbered:
    """Part of an optimizer that has numbers as variables; `numbers` go by their names in TrialConfig.

    The base classes of Keras keep them as constants, which a compiled program would have in it.
    """

    decays = clips = False
    numbers: Mapping[str, keras.Variable] = {}

    def build(self, variables: Sequence[keras.Variable]) -> None:
        built = self.built  # type: ignore[attr-defined]
        super().build(variables)  # type: ignore[misc]
        if not built:
            # now: a program's state is all variables of the built optimizer
            self.numbers = {name: self._number(name) for name in self._numbered()}

    def _numbered(self) -> Iterator[str]:
        if self.decays:
            yield "weight_decay"
        if self.clips:
            yield "clip_norm"

    def _number(self, name: str) -> keras.Variable:
        variable = keras.Variable(0.0, dtype="float32", trainable=False, name=name)
        self._track_variable(variable)  # type: ignore[attr-defined]
        return variable

    def _apply_weight_decay(self, variables: Sequence[keras.Variable]) -> None:
        if "weight_decay" not in self.numbers:
            return
        for variable in variables:
            if len(variable.shape) > 1:  # biases and normalisation are left alone (Loshchilov & Hutter 2019)
                share = self.numbers["weight_decay"] * self.learning_rate  # type: ignore[attr-defined]
                variable.assign(variable * (1 - ops.cast(share, variable.dtype)))

    def _clip_gradients(self, gradients: Sequence[Any]) -> Sequence[Any]:
        if "clip_norm" not in self.numbers:
            return gradients
        # in float32: squares soon leave float16
        norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(each, "float32"))) for each in gradients))
        largest = self.numbers["clip_norm"]
        # 0 does not clip: a member of a pack has that beside others that do
        factor = ops.where((largest > 0) & (norm > largest), largest / (norm + 1e-12), 1.0)
        return [each * ops.cast(factor, each.dtype) for each in gradients]


class _Adam(_Numbered, keras.optimizers.Adam):
    pass


class _RMSprop(_Numbered, keras.optimizers.RMSprop):
    pass


class _Lion(_Numbered, keras.optimizers.Lion):
    pass


class _SGD(_Numbered, keras.optimizers.SGD):
    def __init__(self, **settings: Any) -> None:
        super().__init__(momentum=0.5, **settings)  # any but 0: it only makes Keras keep velocities

    def _numbered(self) -> Iterator[str]:
        yield "momentum"
        yield from super()._numbered()

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        velocity = self.momentums[self._get_variable_index(variable)]
        momentum = ops.cast(self.numbers["momentum"], variable.dtype)
        step = ops.cast(gradient, variable.dtype) * ops.cast(learning_rate, variable.dtype)
        self.assign(velocity, velocity * momentum - step)
        self.assign_add(variable, velocity * momentum - step if self.nesterov else velocity)


_CLASSES: Mapping[str, type[keras.optimizers.Optimizer]] = {
    "adam": _Adam,
    "adamw": _Adam,
    "sgd": _SGD,
    "rmsprop": _RMSprop,
    "lion": _Lion,
}
