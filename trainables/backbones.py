"""The backbones: a literal table of them, their weights, and the Keras models that they name.

The table and the identity of weights are read without Keras, so that a driver starts at once; Keras is
imported by the functions that build.
"""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import json
import math
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from data_prep.command_line.completion import completing
from data_prep.errors import InputError, in_one_line

if TYPE_CHECKING:
    import keras

DIGEST_LENGTH = 32  # hexadecimal digits of a sha256 that name content
DOWNLOAD_TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One row of the table: a network below the head, and what it reads.

    `input_px` is the side of its square input; `features` the length of what a frozen one gives, None
    where it is not known before building or the network learns from pixels. `application` and `module`
    name the model in `keras.applications`, and are empty for a network of our own.
    """

    name: str
    input_px: int
    frozen: bool = True
    features: int | None = None
    hidden_units: tuple[int, ...] = (1024, 512, 256)
    application: str = ""
    module: str = ""

    @property
    def preprocessing(self) -> str:
        """The name of the function that scales its pixels; empty where the network itself does."""
        return f"keras.applications.{self.module}.preprocess_input" if self.module else ""


@dataclass(frozen=True)
class ParameterCounts:
    """Weights of a backbone and its default head; `total` is the sum of the other two."""

    total: int
    trainable: int
    non_trainable: int


BACKBONES = (
    Backbone(name="hassner", input_px=227, frozen=False, hidden_units=(512, 512)),
    Backbone(
        name="inception_v3", input_px=299, features=2048, application="InceptionV3", module="inception_v3"
    ),
    Backbone(name="resnet50_v2", input_px=224, features=2048, application="ResNet50V2", module="resnet_v2"),
)

# keras.applications of Keras 3.15: module and default input size in pixels
APPLICATIONS = {
    "ConvNeXtBase": ("convnext", 224),
    "ConvNeXtLarge": ("convnext", 224),
    "ConvNeXtSmall": ("convnext", 224),
    "ConvNeXtTiny": ("convnext", 224),
    "ConvNeXtXLarge": ("convnext", 224),
    "DenseNet121": ("densenet", 224),
    "DenseNet169": ("densenet", 224),
    "DenseNet201": ("densenet", 224),
    "EfficientNetB0": ("efficientnet", 224),
    "EfficientNetB1": ("efficientnet", 240),
    "EfficientNetB2": ("efficientnet", 260),
    "EfficientNetB3": ("efficientnet", 300),
    "EfficientNetB4": ("efficientnet", 380),
    "EfficientNetB5": ("efficientnet", 456),
    "EfficientNetB6": ("efficientnet", 528),
    "EfficientNetB7": ("efficientnet", 600),
    "EfficientNetV2B0": ("efficientnet_v2", 224),
    "EfficientNetV2B1": ("efficientnet_v2", 240),
    "EfficientNetV2B2": ("efficientnet_v2", 260),
    "EfficientNetV2B3": ("efficientnet_v2", 300),
    "EfficientNetV2L": ("efficientnet_v2", 480),
    "EfficientNetV2M": ("efficientnet_v2", 480),
    "EfficientNetV2S": ("efficientnet_v2", 384),
    "InceptionResNetV2": ("inception_resnet_v2", 299),
    "InceptionV3": ("inception_v3", 299),
    "MobileNet": ("mobilenet", 224),
    "MobileNetV2": ("mobilenet_v2", 224),
    "MobileNetV3Large": ("mobilenet_v3", 224),
    "MobileNetV3Small": ("mobilenet_v3", 224),
    "NASNetLarge": ("nasnet", 331),
    "NASNetMobile": ("nasnet", 224),
    "ResNet101": ("resnet", 224),
    "ResNet101V2": ("resnet_v2", 224),
    "ResNet152": ("resnet", 224),
    "ResNet152V2": ("resnet_v2", 224),
    "ResNet50": ("resnet", 224),
    "ResNet50V2": ("resnet_v2", 224),
    "VGG16": ("vgg16", 224),
    "VGG19": ("vgg19", 224),
    "Xception": ("xception", 299),
}


def find_backbone(name: str) -> Backbone:
    """Returns the backbone called `name`: one of the table, or `keras:<Name>` of `keras.applications`.

    Raises InputError, with near matches, for any other name.
    """
    table = {backbone.name: backbone for backbone in BACKBONES}
    if name in table:
        return table[name]
    application = name.removeprefix("keras:")
    if name != application and application in APPLICATIONS:
        module, input_px = APPLICATIONS[application]
        return Backbone(name=name, input_px=input_px, application=application, module=module)
    known = [*table, *(f"keras:{known}" for known in APPLICATIONS)]
    near = difflib.get_close_matches(name, known) or difflib.get_close_matches(
        f"keras:{name}", known, cutoff=0.8
    )
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise InputError(
        f"a backbone is one of {', '.join(table)} or keras:<Name> of keras.applications, "
        f"received {name!r}{hint}"
    )


def weights_identity(weights: str) -> str:
    """Returns what names the weights without building a model: `none`, `imagenet` or `file:<sha256>`.

    Raises InputError where `weights` is neither of the two words nor a readable file.
    """
    if weights in ("none", "imagenet"):
        return weights
    try:
        with Path(weights).open("rb") as file:
            return f"file:{hashlib.file_digest(file, 'sha256').hexdigest()[:DIGEST_LENGTH]}"
    except OSError as error:
        raise InputError(
            f"weights are imagenet, none or a file that can be read, received {weights!r} ({error.strerror})"
        ) from error


def build_backbone(backbone: Backbone, weights: str) -> keras.Model:
    """Returns the frozen network: features `(batch, d)` from preprocessed images `(batch, px, px, 3)`.

    The last layer is the average pooling. `weights` is `imagenet`, `none` (random and the same to the
    bit everywhere) or a file that Keras wrote for this model (`.h5`, `.weights.h5`, `.keras`).
    Raises InputError where the weights cannot be downloaded or read, or do not fit.
    """
    if not backbone.frozen:
        raise InputError(f"{backbone.name} is trained from its pixels and has no frozen part to build")
    identity = weights_identity(weights)
    model = _application(backbone, "imagenet" if identity == "imagenet" else None)
    if identity == "none":
        _draw_kernels(model)
    elif identity != "imagenet":
        _load(model, backbone, weights)
    model.trainable = False
    return model


def preprocess(backbone: Backbone, images: Any) -> Any:
    """Returns float RGB images `(n, px, px, 3)` in 0..255, array or tensor, as the backbone wants them.

    It is the application's own `preprocess_input`; a network of our own scales its pixels itself.
    """
    import keras

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


def parameter_counts(backbone: Backbone) -> ParameterCounts:
    """Returns how many weights the backbone with its default head has, without allocating them."""
    import keras

    from trainables.network import Architecture, build_network

    with keras.StatelessScope(initialize_variables=False):
        body = _application(backbone, None) if backbone.frozen else None
        shape = (body.output_shape[-1],) if body else (backbone.input_px, backbone.input_px, 3)
        head = build_network(Architecture(shape, backbone.hidden_units, has_dropout=False, has_l2=False))
    keras.utils.clear_session()  # else Keras allocates these weights with the next model, after all
    trainable = _size(head.trainable_weights)
    non_trainable = _size(head.non_trainable_weights) + (_size(body.weights) if body else 0)
    return ParameterCounts(trainable + non_trainable, trainable, non_trainable)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table of backbones and returns the exit code."""
    arguments = completing(_parser()).parse_args(argv)
    rows = [_row(backbone) for backbone in BACKBONES]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainables.backbones",
        description="The backbones with their input size and their parameters with the default head.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON array on standard output")
    return parser


def _row(backbone: Backbone) -> dict[str, Any]:
    return {
        "name": backbone.name,
        "input_px": backbone.input_px,
        "frozen": backbone.frozen,
        "hidden_units": list(backbone.hidden_units),
        **asdict(parameter_counts(backbone)),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("backbone", no_wrap=True)
    table.add_column("head", no_wrap=True)
    for title in ("input px", "total", "trainable", "non-trainable"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        counts = (f"{row[name]:,}" for name in ("total", "trainable", "non_trainable"))
        head = "/".join(map(str, row["hidden_units"]))
        table.add_row(row["name"], head, str(row["input_px"]), *counts)
    console = Console()
    console.print(table)
    console.print("keras:<Name> takes any other model of keras.applications, such as keras:EfficientNetB0.")


def _application(backbone: Backbone, weights: str | None) -> keras.Model:
    import keras

    build = getattr(keras.applications, backbone.application)
    shape = (backbone.input_px, backbone.input_px, 3)
    with _downloading(backbone) if weights else contextlib.nullcontext():
        return build(include_top=False, weights=weights, input_shape=shape, pooling="avg")


@contextlib.contextmanager
def _downloading(backbone: Backbone) -> Iterator[None]:
    """Turns what goes wrong in Keras' download into a sentence, soon, and keeps it off standard output."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except Exception as error:  # Keras raises a bare Exception here
        raise InputError(
            f"the ImageNet weights of {backbone.name} could not be had ({in_one_line(error, 300)}); "
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
            f"the weights file {weights} does not fit {backbone.name} ({in_one_line(error, 300)}); "
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


def _size(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


if __name__ == "__main__":
    sys.exit(main())
