"""The model to take away: preprocessing, backbone and head in one file that plain Keras loads."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from data_prep.errors import InputError
from data_prep.storage.atomic_files import put_whole
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone
from trainables.features.inputs import backbone_read_by, crops, uncropped
from trainables.own_code import OwnCode
from trainables.process_setup import fix_keras_settings
from trainables.training.network import (
    Architecture,
    LocalResponseNormalization,
    PenalisedDense,
    RateDropout,
    build_network,
)
from trainables.training.pretrained import preprocessing_layers
from trainables.training.program import changing_variables
from trainables.training.state_file import read_state
from trainables.trial import TrialConfig

FILE_TOLERANCE = 1e-4  # of a probability, between the trained network and the model in the file


def write_model(
    config: Mapping[str, Any],
    weights: str,
    kept: Path,
    path: Path,
    *,
    temperature: float = 1.0,
    code: OwnCode | None = None,
) -> None:
    """Writes the model of a trial to `path` (.keras), whole or not at all.

    `config` is the trial's as JSON values, `weights` as for `build_backbone`, `kept` the file of the
    trial's own weights. The model maps images `(batch, px, px, 3)`, float32 RGB in 0..255, to probabilities:
    of label 1 `(batch, 1)` for two classes, else of every label `(batch, classes)`; px is its
    `input_shape[1]`. It has Keras' own layers only, and those of the network that `code` builds. Its logits
    are divided by the `temperature`, which changes no answer, but how sure it is.

    Raises InputError where the backbone or the weights cannot be had, and where the file, loaded in safe
    mode, does not compute what the network does.
    """
    model = _tempered(build_model(TrialConfig.from_dict(config), weights, kept, code), temperature)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # on the same disk, for the rename
        written = Path(folder) / path.name
        model.save(written)
        _require_equal(model, written)
        put_whole(written, path)


def _tempered(model: keras.Model, temperature: float) -> keras.Model:
    """Returns the model with its logits divided by the temperature."""
    last = model.layers[-1]
    if temperature == 1:
        return model
    if isinstance(last, layers.Dense):  # scaling it scales the logits
        last.set_weights([weight / temperature for weight in last.get_weights()])
        return model
    said = model.output  # of a network of the user's own, which shows no logits
    is_single = said.shape[-1] == 1
    # dividing logits by the temperature is p to the power of 1 / temperature, made to sum to 1 again
    powers = ops.power(ops.concatenate([1 - said, said], axis=-1) if is_single else said, 1 / temperature)
    shares = powers / ops.sum(powers, axis=-1, keepdims=True)
    return keras.Model(model.input, shares[:, 1:] if is_single else shares, name=model.name)


def build_model(config: TrialConfig, weights: str, kept: Path, code: OwnCode | None = None) -> keras.Model:
    """Returns the model of `write_model`, without writing it."""
    fix_keras_settings()
    backbone = find_backbone(backbone_read_by(config))
    px = backbone.input_px
    shape = (px, px, 3)
    if not config.trains_on_images:
        below = [[*preprocessing_layers(part), build_backbone(part, weights)] for part in backbone.each]
        features = sum(layers_[-1].output_shape[-1] for layers_ in below)
        # float32 whatever the trial computed in: its weights are that, and so is the file
        head = _with_weights(replace(config, precision="float32"), (features,), weights, kept, code)
        return _assemble(shape, [*_joined(below, shape), *head.layers], config)
    side = uncropped(px) if crops(config) else px
    network = _with_weights(replace(config, precision="float32"), (side, side, 3), weights, kept, code)
    # trained on squares out of larger images: the middle, as in validation
    middle = [layers.CenterCrop(px, px)] if side != px else []
    return _assemble((side, side, 3), [*middle, *network.layers], config)


def _joined(branches: Sequence[list[layers.Layer]], shape: tuple[int, ...]) -> list[layers.Layer]:
    """Returns layers from images of `shape` to the outputs of all branches, side by side."""
    if len(branches) == 1:
        return branches[0]
    images = keras.Input(shape)
    outputs = [keras.Sequential([keras.Input(shape), *branch])(images) for branch in branches]
    return [keras.Model(images, layers.Concatenate()(outputs), name="side_by_side")]


def _with_weights(
    config: TrialConfig, input_shape: tuple[int, ...], weights: str, kept: Path, code: OwnCode | None
) -> keras.Sequential:
    """Returns the network of `config` with the trained weights in the file `kept`."""
    try:
        facts, values = read_state(kept)
        classes = facts.get("classes", 2)  # files of before there were more than two do not say
    except Exception as error:  # a damaged .npz makes zipfile, numpy and json each raise their own
        raise _unusable(kept, error) from error
    network = build_network(Architecture.of(config, input_shape, weights, classes=classes, code=code))
    variables = changing_variables(network)
    try:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    except Exception as error:  # numpy and Keras each raise their own
        raise _unusable(kept, error) from error
    return network


def _unusable(kept: Path, error: Exception) -> InputError:
    return InputError(
        f"the weights in {kept} cannot be used ({error}); remove that folder, and run the stage again"
    )


def _assemble(shape: tuple[int, ...], parts: list[layers.Layer], config: TrialConfig) -> keras.Model:
    """Returns the layers one after the other, ours as what Keras has for them."""
    images = keras.Input(shape, name="images")
    seen = images
    for layer in parts:
        seen = _stock(layer, seen, config)
    return keras.Model(images, seen, name="classifier")


def _stock(layer: layers.Layer, seen: Any, config: TrialConfig) -> Any:
    if isinstance(layer, RateDropout):
        return layers.Dropout(config.dropout, name=layer.name)(seen)
    if isinstance(layer, LocalResponseNormalization):
        return _normalised(layer, seen)
    if isinstance(layer, PenalisedDense):
        plain = layers.Dense(layer.units, activation=layer.activation, name=layer.name)
        after = plain(seen)  # builds it: before that it has no weights to set
        plain.set_weights([np.asarray(layer.kernel.value), np.asarray(layer.bias.value)])
        return after
    return layer(seen)


def _normalised(layer: LocalResponseNormalization, seen: Any) -> Any:
    """Returns local response normalisation of operations of Keras; a banded matrix sums the neighbours."""
    channels = seen.shape[-1]
    distance = np.abs(np.subtract.outer(np.arange(channels), np.arange(channels)))
    neighbours = layers.Dense(channels, use_bias=False, trainable=False, name=f"{layer.name}_neighbours")
    sums = neighbours(ops.square(seen))
    neighbours.set_weights([(distance <= layer.size // 2).astype(np.float32)])
    return seen / ops.power(1.0 + layer.alpha / layer.size * sums, layer.beta)


def _require_equal(model: keras.Model, written: Path) -> None:
    side = model.input_shape[1]
    images = np.random.default_rng(7).integers(0, 256, (2, side, side, 3)).astype(np.float32)
    try:
        loaded = keras.saving.load_model(written, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what it meets in layers of the user's own
        raise InputError(
            f"the model cannot be loaded from its file ({error}); build it of Keras' own layers"
        ) from error
    expected, found = (np.asarray(each.predict_on_batch(images)) for each in (model, loaded))
    difference = float(np.abs(expected - found).max())
    if not difference <= FILE_TOLERANCE:  # NaN fails as well
        raise InputError(f"the model in the file computes something else (by {difference:.2g}); report this")
