"""The networks that are trained: the dense head of a backbone, alone or on it, and the Levi & Hassner CNN.

A network is built once an architecture and then reset for each configuration: the learning rate, the
dropout rate, the L2 factor and the seed are its data, not constants of its compiled program.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from trainables.backbones.table import find_backbone
from trainables.features.inputs import backbone_read_by, cropped, crops
from trainables.own_code import OwnCode
from trainables.process_setup import fix_keras_settings
from trainables.training.optimizers import PLAIN, Recipe
from trainables.training.own_network import OWN, OwnNetwork, draw_own
from trainables.training.pretrained import Body, body_layers
from trainables.trial import TrialConfig


@dataclass(frozen=True)
class Architecture:
    """The facts that decide the shape of a compiled program: networks of one architecture share it.

    `input_shape` is `(features,)` for the head of a frozen backbone and `(px, px, 3)` for a network that
    reads uint8 pixels: the CNN, or where there is a `body` that backbone with its head. A rate or factor
    of 0 leaves its layers out, so the plain network is the report's. `bn_momentum` is that of the moving
    averages of batch normalisation. With `has_idle_weights` some can never change, see `leave_out_idle`.
    """

    input_shape: tuple[int, ...]
    hidden_units: tuple[int, ...]
    has_dropout: bool
    has_l2: bool
    body: Body | None = None
    precision: str = "float32"
    bn_momentum: float = 0.99
    activation: str = "relu"
    normalisation: str = "batch"
    smooths_labels: bool = False
    optimizer: Recipe = PLAIN
    classes: int = 2
    own: OwnNetwork | None = None
    mixes: bool = False
    has_idle_weights: bool = False

    @classmethod
    def of(
        cls,
        config: TrialConfig,
        input_shape: tuple[int, ...],
        weights: str = "none",
        *,
        classes: int = 2,
        code: OwnCode | None = None,
    ) -> Architecture:
        """Returns the architecture on which `config` is trained on examples of `input_shape`.

        `weights` are those of a backbone that is part of it, as for `build_backbone`; `classes` is the
        number of classes, from 2; `code` has the network of the user's own that `config` names.
        """
        body = None
        if len(input_shape) == 3:
            px = cropped(input_shape[0]) if crops(config) else input_shape[0]
            input_shape = (px, px, 3)
            if find_backbone(config.backbone).frozen:
                body = Body(backbone_read_by(config), weights, config.unfrozen_blocks, config.train_batchnorm)
        return cls(
            input_shape=input_shape,
            hidden_units=config.hidden_units,
            has_dropout=config.dropout > 0,
            has_l2=config.l2 > 0,
            body=body,
            precision=config.precision,
            bn_momentum=config.bn_momentum,
            activation=config.activation,
            normalisation=config.normalisation,
            smooths_labels=config.label_smoothing > 0,
            optimizer=Recipe.of([config]),
            classes=classes,
            own=OwnNetwork.of(config, code) if config.head else None,
            mixes=config.mixup > 0,
            has_idle_weights=config.has_idle_weights,
        )

    def covering(self, configs: Sequence[TrialConfig]) -> Architecture:
        """Returns the architecture that serves all of `configs`, of which this serves the first.

        0 is one rate among others there: it does nothing, to the bit.
        """
        return replace(
            self,
            has_dropout=any(config.dropout > 0 for config in configs),
            smooths_labels=any(config.label_smoothing > 0 for config in configs),
            optimizer=Recipe.of(configs),
            has_idle_weights=all(config.has_idle_weights for config in configs),
        )


@keras.saving.register_keras_serializable("stagewise")
class RateDropout(layers.Layer):
    """Inverted dropout whose rate is a weight, so that one compiled program serves every rate.

    Input and output: floats of any shape. A rate of 0 returns the input to the bit; outside training it
    always does. Where `drawn` is set, these uniform numbers are compared with the rate, else its own.
    """

    drawn: Any = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Keras' Dropout asks in Python whether its rate is 0; bfloat16 would round this one, so no autocast
        self.rate = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="rate", autocast=False
        )
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        # uniform is below 1 and may be 0: a rate of 0 keeps all
        drawn = self.drawn
        if drawn is None:
            drawn = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        kept = drawn >= self.rate
        return ops.where(kept, inputs / ops.cast(1 - self.rate, inputs.dtype), 0.0)


@keras.saving.register_keras_serializable("stagewise")
class PenalisedDense(layers.Dense):
    """A dense layer that adds `l2` times its squared kernel to the loss, with `l2` a weight."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.l2 = self.add_weight(shape=(), initializer="zeros", trainable=False, name="l2")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        # with half precision the kernel is read as such here; TensorFlow adds up only what has one type
        self.add_loss(ops.cast(self.l2, "float32") * ops.sum(ops.square(ops.cast(self.kernel, "float32"))))
        return super().call(inputs, training=training)


@keras.saving.register_keras_serializable("stagewise")
class LabelSmoothing(layers.Layer):
    """The share of each label that is spread over all classes, as a weight; inputs pass as they are."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # a weight of the network: only what belongs to it is data of a compiled step
        self.share = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="share", autocast=False
        )

    def call(self, inputs: Any) -> Any:
        return inputs


class SmoothedEntropy(keras.losses.BinaryCrossentropy):
    """Binary cross-entropy of labels that are smoothed by a layer's share, as Keras' `label_smoothing`."""

    def __init__(self, layer: LabelSmoothing) -> None:
        super().__init__()
        self._layer = layer

    def call(self, y_true: Any, y_pred: Any) -> Any:
        share = self._layer.share
        return super().call(ops.cast(y_true, "float32") * (1 - share) + share / 2, y_pred)


class SmoothedEntropyOfClasses(keras.losses.CategoricalCrossentropy):
    """Cross-entropy of labels of three or more classes, smoothed as by `SmoothedEntropy`."""

    def __init__(self, layer: LabelSmoothing) -> None:
        super().__init__()
        self._layer = layer

    def call(self, y_true: Any, y_pred: Any) -> Any:
        share, classes = self._layer.share, y_pred.shape[-1]
        # Keras smooths no sparse labels
        truth = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), classes)
        return super().call(truth * (1 - share) + share / classes, y_pred)


@keras.saving.register_keras_serializable("stagewise")
class LocalResponseNormalization(layers.Layer):
    """Local response normalisation of channels.

    Each is divided by `(1 + alpha / size * sum of squares over `size` channels) ** beta`. Input and
    output: floats `(batch, height, width, channels)`. Krizhevsky et al. 2012, with the constants of
    Levi & Hassner 2015.
    """

    size, alpha, beta = 5, 1e-4, 0.75

    def call(self, inputs: Any) -> Any:
        squares = ops.expand_dims(ops.square(inputs), -1)
        half = self.size // 2
        padded = ops.pad(squares, [(0, 0), (0, 0), (0, 0), (half, half), (0, 0)])
        sums = sum(padded[..., i : i + ops.shape(inputs)[-1], 0] for i in range(self.size))
        # Caffe, in which they trained, divides by the size; the paper of 2012 does not
        return inputs / (1.0 + self.alpha / self.size * sums) ** self.beta


class Network(keras.Sequential):
    """A network of which no trace loses a loss that a layer adds, such as the penalty of L2.

    On JAX Keras 3.15 tells these losses apart by their addresses, and a layer still knows those of its last
    trace: where another layer's new loss comes to lie at one of them, it is taken away without a word, in
    one or two of a thousand traces.
    """

    def stateless_call(self, *args: Any, **kwargs: Any) -> Any:
        self._clear_losses()
        return super().stateless_call(*args, **kwargs)


def build_network(architecture: Architecture) -> keras.Sequential:
    """Returns the untrained network from a batch of inputs to probabilities, float32.

    For two classes they are those of label 1, `(batch, 1)`, for K from 3 those of each label, `(batch, K)`.
    Its kernels are zero until `set_initial_state` draws them.
    Raises InputError where the backbone that is part of it cannot be built.
    """
    with _arithmetic(architecture.precision):
        return Network(
            [
                layers.Input(architecture.input_shape),
                *_layers_below(architecture),
                *([LabelSmoothing(name="label_smoothing")] if architecture.smooths_labels else []),
                *([] if architecture.own else [_output_layer(architecture.classes)]),
            ]
        )


def network_to_train(architecture: Architecture) -> keras.Sequential:
    """Returns the network of `build_network`, of which only what can change is to be trained."""
    network = build_network(architecture)
    if architecture.has_idle_weights:
        leave_out_idle(network)
    return network


def leave_out_idle(network: keras.Sequential) -> None:
    """Leaves out of training what no step of one example changes: the last BatchNorm's scale, and all below.

    Normalised by itself an example is 0, whatever lies below, so that their gradients are exactly 0. The
    rest, the last shift and the output layer, trains to the same bits in a tenth of the time.
    """
    last = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)][-1]
    learning = {id(last.beta), *map(id, network.layers[-1].variables)}
    for variable in network.trainable_variables:
        variable.trainable = id(variable) in learning


def loss_of(network: keras.Sequential) -> keras.losses.Loss:
    """Returns the loss that the network is trained with."""
    for layer in network.layers:
        if isinstance(layer, LabelSmoothing):
            return SmoothedEntropy(layer) if _has_two_classes(network) else SmoothedEntropyOfClasses(layer)
    if _has_two_classes(network):
        return keras.losses.BinaryCrossentropy()
    return keras.losses.SparseCategoricalCrossentropy()


def _has_two_classes(network: keras.Sequential) -> bool:
    return bool(network.output_shape[-1] == 1)


def body_of(network: keras.Sequential) -> keras.Model | None:
    """Returns the pretrained backbone inside the network, None where it has none."""
    models = (layer for layer in network.layers if isinstance(layer, keras.Model))
    return next((model for model in models if not is_own(model)), None)


def head_of(network: keras.Sequential) -> list[layers.Layer]:
    """Returns the layers from the features `(batch, d)` up; none where images have no backbone."""
    body = body_of(network)
    if body:
        return list(network.layers[network.layers.index(body) + 1 :])
    return list(network.layers) if len(network.input_shape) == 2 else []


def is_own(layer: layers.Layer) -> bool:
    """Returns whether the layer is a network of the user's own."""
    return bool(layer.name == OWN)


def set_initial_state(network: keras.Sequential, config: TrialConfig) -> None:
    """Puts the network where training with `config` begins, whatever it was trained on before.

    Kernels are Glorot uniform (Glorot & Bengio 2010) and drawn with numpy from `(seed, layer)`, so they
    are equal on every backend and do not depend on whether dropout layers lie between. The weights of a
    pretrained backbone stay.
    """
    kernels = 0
    for layer in network.layers:
        if hasattr(layer, "kernel") and layer.trainable:  # not that of the preprocessing
            layer.kernel.assign(_glorot_uniform(layer.kernel.shape, config.seed, kernels))
            layer.bias.assign(np.zeros(layer.bias.shape))
            kernels += 1
        if isinstance(layer, layers.BatchNormalization):
            for weight, start in zip(layer.weights, _BATCH_NORM_START, strict=True):
                weight.assign(np.full(weight.shape, start))
        if is_own(layer):
            draw_own(layer, config.seed)
        if isinstance(layer, layers.LayerNormalization):
            layer.gamma.assign(np.ones(layer.gamma.shape))
            layer.beta.assign(np.zeros(layer.beta.shape))
    set_streams(network, config)
    set_rates(network, config)


def set_streams(network: keras.Sequential, config: TrialConfig) -> None:
    """Puts the random numbers of all dropout layers where training with `config` begins."""
    kernels = 0
    for layer in network.layers:
        kernels += hasattr(layer, "kernel") and layer.trainable
        if isinstance(layer, RateDropout):
            layer.seed_generator.state.assign([_dropout_stream(config.seed, kernels), 0])
    body = body_of(network)
    for number, layer in enumerate(body.layers if body else ()):
        if hasattr(layer, "seed_generator"):  # EfficientNet's dropout, for one
            layer.seed_generator.state.assign([_dropout_stream(config.seed, _BODY + number), 0])


def set_rates(network: keras.Sequential, config: TrialConfig) -> None:
    """Gives the layers dropout rate, L2 factor and label smoothing of `config`; the rest stays."""
    for layer in network.layers:
        if isinstance(layer, PenalisedDense):
            layer.l2.assign(config.l2)
        if isinstance(layer, RateDropout):
            layer.rate.assign(config.dropout)
        if isinstance(layer, LabelSmoothing):
            layer.share.assign(config.label_smoothing)


def l2_penalty(network: keras.Sequential) -> float:
    """Returns the sum that the layers add to the loss for their kernels."""
    penalised = [layer for layer in network.layers if isinstance(layer, PenalisedDense)]
    pairs = [(np.asarray(layer.l2.value), np.asarray(layer.kernel.value)) for layer in penalised]
    return float(sum(l2 * np.square(kernel).sum() for l2, kernel in pairs))


_EMPTY = {"kernel_initializer": "zeros"}  # a program less to compile for each layer
_BODY = 1000  # the layers of a backbone count from here where random numbers are told apart
_BATCH_NORM_START = (1.0, 0.0, 0.0, 1.0)  # gamma, beta, moving mean, moving variance


@contextlib.contextmanager
def _arithmetic(precision: str) -> Iterator[None]:
    """Makes layers whose arithmetic is of that precision, and whose weights are float32."""
    fix_keras_settings()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _output_layer(classes: int) -> layers.Layer:
    # one sigmoid unit is the report's network, whose parameter counts a softmax of two would change
    units, activation, name = (
        (1, "sigmoid", "probability") if classes == 2 else (classes, "softmax", "classes")
    )
    # in half precision a probability near 1 would be 1
    return layers.Dense(units, activation=activation, dtype="float32", name=name, **_EMPTY)


def _layers_below(architecture: Architecture) -> list[layers.Layer]:
    own, classes = architecture.own, architecture.classes
    if architecture.body:
        below = body_layers(architecture.body, architecture.input_shape[0])
        features = below[-1].output_shape[1:]
        return [*below, *([own.layer(features, classes)] if own else _head_layers(architecture))]
    if own:
        return [own.layer(architecture.input_shape, classes)]
    return (_hassner_layers if len(architecture.input_shape) == 3 else _head_layers)(architecture)


def _head_layers(architecture: Architecture) -> list[layers.Layer]:
    return [
        layers.Flatten(),  # the report's head begins with it, though pooled features are flat
        *_normalisation(architecture),
        *_dense_blocks(architecture, normalised=True),
    ]


def _hassner_layers(architecture: Architecture) -> list[layers.Layer]:
    return [
        layers.Rescaling(1 / 255),
        layers.Conv2D(96, 7, strides=4, activation="relu", **_EMPTY),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        LocalResponseNormalization(),
        layers.Conv2D(256, 5, padding="same", activation="relu", **_EMPTY),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        LocalResponseNormalization(),
        layers.Conv2D(384, 3, padding="same", activation="relu", **_EMPTY),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        layers.Flatten(),
        *_dense_blocks(architecture, normalised=False),
    ]


def _normalisation(architecture: Architecture) -> list[layers.Layer]:
    match architecture.normalisation:
        case "batch":
            return [layers.BatchNormalization(momentum=architecture.bn_momentum)]
        case "layer":
            return [layers.LayerNormalization()]
        case _:
            return []


def _dense_blocks(architecture: Architecture, *, normalised: bool) -> list[layers.Layer]:
    dense = PenalisedDense if architecture.has_l2 else layers.Dense
    blocks: list[layers.Layer] = []
    for units in architecture.hidden_units:
        blocks.append(dense(units, activation=architecture.activation, **_EMPTY))
        if normalised:
            blocks += _normalisation(architecture)  # behind the activation, as in the report's head
        if architecture.has_dropout:
            blocks.append(RateDropout())
    return blocks


def _dropout_stream(seed: int, layer: int) -> int:
    """Returns the first word of a layer's random numbers; in the second Keras counts its masks.

    Layers that share the first would share masks.
    """
    # the 1 keeps it from the stream of the kernel with that number
    return int(np.random.default_rng([seed, layer, 1]).integers(2**31 - 2))


def _glorot_uniform(shape: tuple[int, ...], seed: int, layer: int) -> np.ndarray:
    receptive_field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / (receptive_field * (shape[-2] + shape[-1])))
    return np.random.default_rng([seed, layer]).uniform(-limit, limit, shape).astype(np.float32)
