"""A network of the user's own as a layer of the network that is trained."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from data_prep.errors import InputError
from trainables.own_code import OwnCode
from trainables.trial import TrialConfig

OWN = "own_network"  # the name of its layer


@dataclass(frozen=True)
class OwnNetwork:
    """A network of the user's own: its code, and the function in it with the values that it is given."""

    code: OwnCode
    function: str

    @classmethod
    def of(cls, config: TrialConfig, code: OwnCode | None) -> OwnNetwork:
        """Returns the network that `config` names; raises InputError where `code` is not its file."""
        if code is None or code.digest != config.head_source:
            there = f"{code.name} with the digest {code.digest}" if code else "no file"
            raise InputError(
                f"{config.head} is of a file with the digest {config.head_source}, received {there}; name "
                "that file with --head or --network"
            )
        return cls(code, config.head)

    def layer(self, input_shape: tuple[int, ...], classes: int) -> keras.Model:
        """Returns it as a layer, from inputs of that shape to probabilities."""
        built = self.code.build(self.function, input_shape, classes)
        model = keras.Model(built.inputs[0], built.outputs[0], name=OWN)
        # only its own initializers know how it begins
        model.draw_anew = lambda: self.code.build(self.function, input_shape, classes)
        return model


def draw_own(layer: keras.Model, seed: int) -> None:
    """Gives the layer the first values that its own initializers draw with that seed."""
    keras.utils.set_random_seed(seed)  # initializers and dropout of Keras draw from what this sets
    fresh = layer.draw_anew()
    for variable, start in zip(layer.variables, fresh.variables, strict=True):
        variable.assign(start)
