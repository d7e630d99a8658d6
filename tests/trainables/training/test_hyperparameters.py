"""Hyperparameters in training: each changes what it says, its default changes nothing, packs mix numbers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.utils.class_weight import compute_class_weight

from trainables.training.batches import Examples
from trainables.training.network import Architecture, LabelSmoothing, SmoothedEntropy
from trainables.training.optimizers import Recipe, set_numbers
from trainables.training.packed import PackedTraining, group_by_shape
from trainables.training.training import Training
from trainables.trial import TrialConfig

pytestmark = pytest.mark.training

PLAIN = TrialConfig(hidden_units=(4,), batch_size=8, epochs=2)
SGD = replace(PLAIN, optimizer="sgd", learning_rate=0.05)
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="packs are trained by Keras on JAX")


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Returns 24 training and 12 validation rows of 6 features that tell the label, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 36).astype(np.int8)
    inputs = (rng.normal(size=(36, 6)) + labels[:, None]).astype(np.float32)
    return Examples(inputs, labels, np.arange(24), np.arange(24, 36))


def _stepped(config: TrialConfig, gradients: Sequence[float], start: float = 1.0) -> float:
    """Returns where one number of a kernel is after steps of the optimizer of `config`."""
    optimizer = Recipe.of([config]).build()
    kernel = keras.Variable(np.full((1, 1), start, np.float32))
    optimizer.build([kernel])
    optimizer.learning_rate.assign(config.learning_rate)
    set_numbers(optimizer, config)
    for gradient in gradients:
        optimizer.apply([ops.full((1, 1), gradient)], [kernel])
    return float(np.asarray(kernel.value)[0, 0])


@pytest.mark.parametrize(
    ("values", "gradients", "end"),
    [
        ({"optimizer": "sgd"}, [2.0, 2.0], 1 - 0.2 - 0.2),
        ({"optimizer": "sgd", "momentum": 0.5}, [2.0, 2.0], 1 - 0.2 - (0.2 + 0.1)),
        ({"optimizer": "sgd", "momentum": 0.5, "nesterov": True}, [2.0], 1 - 0.2 - 0.1),
        ({"optimizer": "sgd", "weight_decay": 0.5}, [0.0], 1 - 0.1 * 0.5),
        ({"optimizer": "sgd", "clip_norm": 1.0}, [2.0], 1 - 0.1),
        ({"optimizer": "sgd", "clip_norm": 3.0}, [2.0], 1 - 0.2),
        ({"optimizer": "lion"}, [2.0], 1 - 0.1),
        ({"optimizer": "adam"}, [2.0], 1 - 0.1),
        ({"optimizer": "adamw", "weight_decay": 0.5}, [2.0], (1 - 0.05) - 0.1),
        ({"optimizer": "rmsprop"}, [2.0], 1 - 0.1 / 0.1**0.5),
    ],
)
def test_optimizer_takes_the_step(values: dict[str, Any], gradients: list[float], end: float) -> None:
    assert _stepped(TrialConfig(learning_rate=0.1, **values), gradients) == pytest.approx(end, rel=1e-4)


def test_weight_decay_leaves_biases_alone() -> None:
    config = replace(SGD, weight_decay=0.5)
    optimizer, bias = Recipe.of([config]).build(), keras.Variable(np.ones(3, np.float32))
    optimizer.build([bias])
    set_numbers(optimizer, config)
    optimizer.apply([ops.zeros(3)], [bias])
    assert np.asarray(bias.value).tolist() == [1, 1, 1]


def test_smoothed_entropy_is_that_of_keras() -> None:
    layer = LabelSmoothing()
    layer.share.assign(0.2)
    labels, said = np.array([[0.0], [1.0]]), np.array([[0.3], [0.6]])
    expected = keras.losses.BinaryCrossentropy(label_smoothing=0.2)(labels, said)
    assert float(SmoothedEntropy(layer)(labels, said)) == pytest.approx(float(expected), rel=1e-6)


def test_balanced_class_weights_are_those_of_scikit_learn_for_training_rows() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 3, 2], np.int16)
    examples = Examples(np.zeros((10, 2), np.float32), labels, np.arange(9), np.arange(9, 10), classes=4)
    assert examples.class_weights("none") is None
    found = examples.class_weights("balanced")
    assert found is not None
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels[:9])
    assert found[[0, 1, 3]] == pytest.approx(expected)


def test_class_weights_count_in_the_loss_of_training_alone(examples: Examples) -> None:
    rows = [*np.flatnonzero(examples.labels == 0)[:6], examples.labels.argmax()]
    rare = replace(examples, train=np.array(rows))
    first = replace(PLAIN, epochs=1, batch_size=7, learning_rate=1e-9, normalisation="none")
    plain, weighted = (
        next(Training(replace(first, class_weight=kind), rare).epochs()) for kind in ("none", "balanced")
    )
    assert plain.loss != pytest.approx(weighted.loss, abs=1e-3)
    assert plain.val_loss == pytest.approx(weighted.val_loss, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "layers"),
    [
        ({}, ["Flatten", "BatchNormalization", "Dense", "BatchNormalization", "Dense"]),
        (
            {"normalisation": "layer"},
            ["Flatten", "LayerNormalization", "Dense", "LayerNormalization", "Dense"],
        ),
        ({"normalisation": "none"}, ["Flatten", "Dense", "Dense"]),
        ({"hidden_units": ()}, ["Flatten", "BatchNormalization", "Dense"]),
        ({"hidden_units": (), "normalisation": "none"}, ["Flatten", "Dense"]),
    ],
)
def test_network_has_the_layers(examples: Examples, values: dict[str, Any], layers: list[str]) -> None:
    network = Training(replace(PLAIN, **values), examples).network
    assert [type(layer).__name__ for layer in network.layers] == layers


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "sgd", "momentum": 0.9},
        {"weight_decay": 0.5},
        {"clip_norm": 0.01},
        {"label_smoothing": 0.2},
        {"class_weight": "balanced"},
        {"activation": "silu"},
        {"normalisation": "layer"},
        {"warmup_epochs": 1},
    ],
    ids=lambda values: next(iter(values)),
)
def test_training_differs_and_is_the_same_when_the_network_is_used_again(
    examples: Examples, values: dict[str, Any]
) -> None:
    config = replace(PLAIN, learning_rate=0.02, **values)
    plain = [epoch.val_loss for epoch in Training(replace(PLAIN, learning_rate=0.02), examples).epochs()]
    first, second = ([epoch.val_loss for epoch in Training(config, examples).epochs()] for _ in range(2))
    assert first == second
    assert first != plain


def test_training_ends_when_patience_does(examples: Examples) -> None:
    config = replace(PLAIN, learning_rate=1e-9, patience=2, epochs=9)
    assert len(list(Training(config, examples).epochs())) == 3


@on_jax
def test_pack_mixes_the_numbers_of_optimizer_loss_and_schedule(examples: Examples) -> None:
    configs = [
        SGD,
        replace(SGD, momentum=0.9),
        replace(SGD, weight_decay=0.3),
        replace(SGD, clip_norm=0.1),
        replace(SGD, label_smoothing=0.1, warmup_epochs=1),
        replace(SGD, patience=1, learning_rate=1e-9),
        replace(SGD, class_weight="balanced", label_smoothing=0.1),
    ]
    assert len(group_by_shape(configs)) == 1
    pack = PackedTraining(configs, examples)
    assert len(list(pack.epochs())) == 2
    for config, finished in zip(configs, pack.finished, strict=True):
        alone = list(Training(config, examples).epochs())
        assert [epoch.loss for epoch in finished] == pytest.approx([epoch.loss for epoch in alone], abs=1e-5)
        assert [epoch.val_loss for epoch in finished] == pytest.approx(
            [epoch.val_loss for epoch in alone], abs=1e-5
        )


def test_plain_configuration_has_the_plain_recipe() -> None:
    assert Architecture.of(PLAIN, (6,)) == Architecture((6,), (4,), False, False)
