"""The networks: their layers, where they start, and what is taken away of them."""

import keras
import numpy as np
import pytest
from keras import ops

from trainables.training.network import (
    Architecture,
    LocalResponseNormalization,
    PenalisedDense,
    RateDropout,
    build_network,
    l2_penalty,
    set_initial_state,
)
from trainables.trial import TrialConfig

pytestmark = pytest.mark.training

HEAD = Architecture((6,), (5, 4, 3), has_dropout=False, has_l2=False)
DROPPED = Architecture((6,), (5, 4, 3), has_dropout=True, has_l2=True)
PIXELS = Architecture((32, 32, 3), (5, 4), has_dropout=True, has_l2=False)
CONFIG = TrialConfig(hidden_units=(5, 4, 3), dropout=0.25, l2=0.01)

# Keras 3.15 copies weights into numpy in a way that numpy 2 warns of


def _layers(architecture: Architecture) -> list[str]:
    return [_describe(layer) for layer in build_network(architecture).layers]


def _describe(layer: keras.layers.Layer) -> str:
    name = type(layer).__name__
    return f"{name} {layer.units} {layer.activation.__name__}" if hasattr(layer, "units") else name


def _state(network: keras.Sequential) -> list[np.ndarray]:
    return [np.asarray(variable.value).copy() for variable in network.variables]


def _started(architecture: Architecture, config: TrialConfig) -> keras.Sequential:
    network = build_network(architecture)
    set_initial_state(network, config)
    return network


def _inputs(architecture: Architecture, rows: int = 8) -> np.ndarray:
    rng = np.random.default_rng(0)
    if len(architecture.input_shape) == 3:
        return rng.integers(0, 256, (rows, *architecture.input_shape), dtype=np.uint8)
    return rng.normal(size=(rows, *architecture.input_shape)).astype(np.float32)


def test_architecture_is_shared_by_what_is_only_data() -> None:
    other = TrialConfig(hidden_units=(5, 4, 3), dropout=0.5, l2=1e-5, learning_rate=0.1, seed=1, batch_size=4)
    assert Architecture.of(CONFIG, (6,)) == Architecture.of(other, (6,)) == DROPPED


def test_architecture_of_zeros_is_the_plain_head() -> None:
    assert Architecture.of(TrialConfig(hidden_units=(5, 4, 3)), (6,)) == HEAD


def test_head_layers_are_those_of_the_report() -> None:
    assert _layers(HEAD) == [
        "Flatten",
        "BatchNormalization",
        "Dense 5 relu",
        "BatchNormalization",
        "Dense 4 relu",
        "BatchNormalization",
        "Dense 3 relu",
        "BatchNormalization",
        "Dense 1 sigmoid",
    ]


def test_head_layers_with_dropout_and_l2() -> None:
    block = "PenalisedDense {} relu", "BatchNormalization", "RateDropout"
    blocks = [line.format(units) for units in (5, 4, 3) for line in block]
    assert _layers(DROPPED) == ["Flatten", "BatchNormalization", *blocks, "Dense 1 sigmoid"]


def test_hassner_layers_and_their_shapes_at_full_size() -> None:
    architecture = Architecture((227, 227, 3), (512, 512), has_dropout=True, has_l2=False)
    with keras.StatelessScope(initialize_variables=False):
        network = build_network(architecture)
    keras.utils.clear_session()  # else Keras allocates the weights with the next model
    assert [(_describe(layer), layer.output.shape[1:]) for layer in network.layers] == [
        ("Rescaling", (227, 227, 3)),
        ("Conv2D", (56, 56, 96)),
        ("MaxPooling2D", (28, 28, 96)),
        ("LocalResponseNormalization", (28, 28, 96)),
        ("Conv2D", (28, 28, 256)),
        ("MaxPooling2D", (14, 14, 256)),
        ("LocalResponseNormalization", (14, 14, 256)),
        ("Conv2D", (14, 14, 384)),
        ("MaxPooling2D", (7, 7, 384)),
        ("Flatten", (7 * 7 * 384,)),
        ("Dense 512 relu", (512,)),
        ("RateDropout", (512,)),
        ("Dense 512 relu", (512,)),
        ("RateDropout", (512,)),
        ("Dense 1 sigmoid", (1,)),
    ]


def test_rate_dropout_of_rate_zero_gives_its_input_to_the_bit() -> None:
    inputs = _inputs(HEAD)
    assert (ops.convert_to_numpy(RateDropout()(inputs, training=True)) == inputs).all()


def test_rate_dropout_outside_training_gives_its_input_to_the_bit() -> None:
    layer, inputs = RateDropout(), _inputs(HEAD)
    layer.rate.assign(0.5)
    assert (ops.convert_to_numpy(layer(inputs)) == inputs).all()


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_rate_dropout_drops_its_share_and_keeps_the_expectation(rate: float) -> None:
    layer = RateDropout()
    layer.rate.assign(rate)
    outputs = ops.convert_to_numpy(layer(np.ones((100, 1000), np.float32), training=True))
    assert np.unique(outputs).tolist() == pytest.approx([0, 1 / (1 - rate)])
    assert outputs.mean() == pytest.approx(1, abs=0.02)


def test_rate_dropout_draws_anew_at_every_call() -> None:
    layer, ones = RateDropout(), np.ones((2, 50), np.float32)
    layer.rate.assign(0.5)
    first, second = (ops.convert_to_numpy(layer(ones, training=True)) for _ in range(2))
    assert (first != second).any()


def test_dropout_layers_never_share_a_mask() -> None:
    """Keras counts calls in the second word of a state; equal first words would repeat masks a step later."""
    network = _started(DROPPED, CONFIG)
    states = [np.asarray(layer.seed_generator.state.value) for layer in _of(network, RateDropout)]
    assert len({int(state[0]) for state in states}) == len(states) == 3


def test_penalised_dense_adds_the_loss_of_the_keras_regularizer() -> None:
    layer = PenalisedDense(3)
    layer.build((None, 6))
    layer.l2.assign(0.3)
    layer(_inputs(HEAD))
    expected = keras.regularizers.L2(0.3)(layer.kernel)
    assert float(sum(layer.losses)) == pytest.approx(float(expected), rel=1e-6)


def test_penalised_dense_does_not_train_its_factor() -> None:
    layer = PenalisedDense(3)
    layer.build((None, 6))
    assert [weight.name for weight in layer.trainable_weights] == ["kernel", "bias"]


class _AnyAddress(set[int]):
    """The addresses of a layer's losses, where until it is emptied another layer's come to lie, too."""

    is_stale = True

    def __contains__(self, address: object) -> bool:
        return self.is_stale or super().__contains__(address)

    def clear(self) -> None:
        self.is_stale = False
        super().clear()


def test_no_loss_is_taken_for_one_of_an_earlier_trace() -> None:
    network = _started(DROPPED, CONFIG)
    values = [
        [variable.value for variable in kind]
        for kind in (network.trainable_variables, network.non_trainable_variables)
    ]
    for layer in network.layers:
        object.__setattr__(layer, "_loss_ids", _AnyAddress())  # Keras' own way would copy it into a plain set
    _, _, penalties = network.stateless_call(*values, _inputs(DROPPED), training=True, return_losses=True)
    assert len(penalties) == len(CONFIG.hidden_units)
    assert float(sum(penalties)) == pytest.approx(l2_penalty(network), rel=1e-6)


def test_local_response_normalization_is_that_of_the_paper() -> None:
    inputs = np.random.default_rng(0).normal(scale=50, size=(2, 3, 3, 8)).astype(np.float32)
    expected = np.empty_like(inputs)
    for channel in range(8):
        window = inputs[..., max(0, channel - 2) : channel + 3]
        expected[..., channel] = (
            inputs[..., channel] / (1 + 1e-4 / 5 * (window.astype(np.float64) ** 2).sum(-1)) ** 0.75
        )
    outputs = ops.convert_to_numpy(LocalResponseNormalization()(inputs))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    assert np.abs(outputs / inputs - 1).max() > 0.1  # the inputs are large enough to tell


@pytest.mark.parametrize("architecture", [HEAD, DROPPED, PIXELS], ids=["head", "dropped", "pixels"])
def test_initial_state_is_the_same_whatever_was_there(architecture: Architecture) -> None:
    network, fresh = build_network(architecture), _started(architecture, CONFIG)
    for variable in network.variables:
        variable.assign(np.ones(variable.shape))
    set_initial_state(network, CONFIG)
    for value, expected in zip(_state(network), _state(fresh), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_initial_kernels_do_not_depend_on_dropout_and_l2() -> None:
    plain, dropped = _started(HEAD, CONFIG), _started(DROPPED, CONFIG)
    for ours, theirs in zip(_of(plain, keras.layers.Dense), _of(dropped, keras.layers.Dense), strict=True):
        np.testing.assert_array_equal(
            np.asarray(ours.kernel.value), np.asarray(theirs.kernel.value), strict=True
        )


def test_initial_kernels_differ_by_seed_and_layer() -> None:
    square = Architecture((4,), (4, 4), has_dropout=False, has_l2=False)
    kernels = [
        np.asarray(layer.kernel.value).tobytes()
        for seed in (1, 2)
        for layer in _of(_started(square, TrialConfig(seed=seed, hidden_units=(4, 4))), keras.layers.Dense)
    ]
    assert len(set(kernels)) == len(kernels)


@pytest.mark.parametrize("input_shape", [(64,), (32, 32, 3)], ids=["head", "pixels"])
def test_initial_kernels_spread_as_those_of_keras(input_shape: tuple[int, ...]) -> None:
    config = TrialConfig(hidden_units=(64,))
    network = _started(Architecture.of(config, input_shape), config)
    for layer in network.layers[:-1]:
        if hasattr(layer, "kernel"):
            theirs = np.asarray(keras.initializers.GlorotUniform(seed=0)(layer.kernel.shape))
            assert np.abs(layer.kernel.value).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)
            assert not np.asarray(layer.bias.value).any()


def test_initial_state_takes_rate_and_factor_of_the_configuration() -> None:
    network = _started(DROPPED, CONFIG)
    assert [float(layer.rate) for layer in _of(network, RateDropout)] == [0.25] * 3
    assert [float(layer.l2) for layer in _of(network, PenalisedDense)] == pytest.approx([0.01] * 3)


def _trained(architecture: Architecture) -> keras.Sequential:
    """Returns a network whose every weight, BatchNorm's statistics too, has left its start."""
    network, rng = _started(architecture, CONFIG), np.random.default_rng(0)
    for layer in network.layers:
        for weight in layer.weights:
            if weight.name not in ("rate", "l2"):
                weight.assign(np.asarray(weight.value) + rng.uniform(0, 0.1, weight.shape))
    return network


def _probabilities(network: keras.Sequential, inputs: np.ndarray) -> np.ndarray:
    return np.asarray(network(inputs.astype(np.float32), training=False))


def _of(network: keras.Sequential, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]
