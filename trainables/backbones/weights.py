"""The weights of backbones, and the Keras models that carry them.

The identity of weights is read without Keras, which only the functions that build import.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_prep.digests import DIGEST_LENGTH
from data_prep.errors import InputError, in_one_line
from data_prep.storage.regular_files import open_regular
from trainables.backbones.hub import build_preset, preset_digest, scaled
from trainables.backbones.table import Backbone
from trainables.hyperparameters import AVERAGE

if TYPE_CHECKING:
    import keras

DOWNLOAD_TIMEOUT_S = 20


def weights_identity(weights: str) -> str:
    """Returns the name of the weights, without building a model: `none`, `imagenet` or `file:<sha256>`.

    Raises InputError where `weights` is neither of the two words nor a readable file.
    """
    if weights in ("none", "imagenet"):
        return weights
    try:
        with open_regular(Path(weights)) as file:
            return f"file:{hashlib.file_digest(file, 'sha256').hexdigest()[:DIGEST_LENGTH]}"
    except OSError as error:
        raise InputError(
            f"weights are imagenet, none or a file that can be read, received {weights!r} ({error.strerror})"
        ) from error


def identity_of(backbone: Backbone, weights: str) -> str:
    """Returns the name of the weights of `backbone`: a preset of keras_hub has its own."""
    return f"hub:{preset_digest(backbone.preset)}" if backbone.preset else weights_identity(weights)


def is_downloaded(backbone: Backbone) -> bool:
    """Returns whether ImageNet weights of `backbone`, without its top, are where Keras puts what it loads."""
    models = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    # each has a way of its own to write its name: "mobilenet_v2_…", "weights_mobilenet_v3_…"
    names = (re.sub("^weights|[_-]", "", path.name.lower()) for path in models.glob("*no*top*"))
    # ResNet50V2 is not ResNet50
    return any(re.match(rf"{backbone.application.lower()}(?!v\d)", name) for name in names)


def build_backbone(backbone: Backbone, weights: str) -> keras.Model:
    """Returns the frozen network: features `(batch, d)` from preprocessed images `(batch, px, px, 3)`.

    The last layer is the pooling. `weights` is `imagenet`, `none` (random and the same to the
    bit everywhere) or a file that Keras wrote for this model (`.h5`, `.weights.h5`, `.keras`).
    Raises InputError where the weights cannot be downloaded or read, or do not fit.
    """
    if not backbone.frozen:
        raise InputError(f"{backbone.name} is trained from its pixels and has no frozen part to build")
    if backbone.preset:
        model = build_preset(backbone.preset, backbone.pooling)
        model.trainable = False
        return model
    identity = weights_identity(weights)
    model = build_application(backbone, "imagenet" if identity == "imagenet" else None)
    if identity == "none":
        _draw_kernels(model)
    elif identity != "imagenet":
        _load(model, backbone, weights)
    model.trainable = False  # its BatchNorm works as in inference, too
    return model


def preprocess(backbone: Backbone, images: Any) -> Any:
    """Returns float RGB images `(n, px, px, 3)` in 0..255, array or tensor, as the backbone expects them.

    It is the application's own `preprocess_input`; a network of our own scales its pixels itself.
    """
    import keras

    if backbone.preset:
        return scaled(backbone.preset, images)
    if not backbone.module:
        return images
    if isinstance(images, np.ndarray):
        images = images.copy()  # Keras writes into the array that it is given
    return getattr(keras.applications, backbone.module).preprocess_input(images)


def weights_digest(model: keras.Model) -> str:
    """Returns 32 hexadecimal digits of the sha256 over the values of all weights, in their order."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(np.asarray(weight.value).tobytes())
    return digest.hexdigest()[:DIGEST_LENGTH]


def build_application(backbone: Backbone, weights: str | None) -> keras.Model:
    """Returns the backbone's model of `keras.applications`, without its top; see `build_backbone`."""
    import keras

    build = getattr(keras.applications, backbone.application)
    shape = (backbone.input_px, backbone.input_px, 3)
    pooling = {AVERAGE: "avg"}.get(backbone.pooling, backbone.pooling)
    with _downloading(backbone) if weights else contextlib.nullcontext():
        return build(include_top=False, weights=weights, input_shape=shape, pooling=pooling)


@contextlib.contextmanager
def _downloading(backbone: Backbone) -> Iterator[None]:
    """Turns what goes wrong in Keras' download into a sentence, soon, and keeps it off standard output."""
    timeout = socket.getdefaulttimeout()  # Keras' download has none of its own
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except Exception as error:  # Keras raises a bare Exception here
        raise InputError(
            f"the ImageNet weights of {backbone.name} could not be loaded ({in_one_line(error)}); "
            "copy that file to ~/.keras/models, name a file with --weights FILE, "
            "or take random weights with --weights none"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


def _load(model: keras.Model, backbone: Backbone, weights: str) -> None:
    try:
        model.load_weights(weights)
    except Exception as error:  # h5py, zipfile and Keras each raise their own
        raise InputError(
            f"the weights file {weights} does not fit {backbone.name} ({in_one_line(error)}); "
            "save it with model.save_weights from this model without its top, or use --weights none"
        ) from error


def _draw_kernels(model: keras.Model) -> None:
    """Gives every kernel He-uniform random values (He et al. 2015), the same to the bit everywhere.

    Whole numbers are drawn and scaled once, so that no machine or backend rounds them differently. With
    BatchNorm as it is built (the identity) the activations stay finite and tell images apart.
    """
    for index, (kernel, summed_axes) in enumerate(_kernels(model)):
        limit = math.sqrt(6 / math.prod(kernel.shape[axis] for axis in summed_axes))
        draws = np.random.default_rng([7, index]).integers(-(2**15), 2**15, kernel.shape, dtype=np.int16)
        kernel.assign(draws.astype(np.float32) * np.float32(limit / 2**15))


def _kernels(model: keras.Model) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yields each kernel with the axes over which it sums its input."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _kernels(layer)
        elif isinstance(layer, keras.layers.SeparableConv2D):
            yield layer.depthwise_kernel, (0, 1)
            yield layer.pointwise_kernel, (0, 1, 2)
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            yield layer.kernel, (0, 1)
        elif hasattr(layer, "kernel"):
            yield layer.kernel, tuple(range(len(layer.kernel.shape) - 1))
