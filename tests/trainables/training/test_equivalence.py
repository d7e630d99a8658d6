"""The claim that all speed rests on: a head on cached features trains as it does inside the whole network."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone, preprocess, weights_digest
from trainables.training.batches import Examples
from trainables.training.network import Architecture, build_network, set_initial_state
from trainables.training.program import is_faster_compiled
from trainables.training.training import Training
from trainables.trial import TrialConfig

pytestmark = pytest.mark.training

BACKBONE = replace(find_backbone("keras:MobileNet"), input_px=64)
CONFIG = TrialConfig(hidden_units=(32, 16), batch_size=5, epochs=2)  # 18 rows: the last batch has three
# XLA rounds a backbone's features differently, by 1e-5, where they are part of a step; where a gradient is no
# more than rounding, Adam may then move a weight a step the other way. Without XLA all is equal to the bit.
LOSS_TOLERANCE, WEIGHT_TOLERANCE, MEAN_WEIGHT_TOLERANCE = 1e-4, CONFIG.learning_rate, 1e-5


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    return build_backbone(BACKBONE, "none")


@pytest.fixture(scope="module")
def photographs() -> Examples:
    """Returns 18 training and 6 validation images `(64, 64, 3)`, preprocessed, brighter by their label."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(24).astype(np.int8) % 2
    pixels = rng.uniform(0, 200, (24, 64, 64, 3)).astype(np.float32) + 55 * labels[:, None, None, None]
    return Examples(preprocess(BACKBONE, pixels), labels, np.arange(18), np.arange(18, 24))


def _whole_network(backbone: keras.Model, features: int, config: TrialConfig) -> keras.Sequential:
    """Returns what a user of plain Keras trains: the frozen backbone below the head, compiled."""
    architecture = Architecture.of(config, (features,))
    head = build_network(architecture)
    set_initial_state(head, config)
    whole = keras.Sequential([keras.layers.Input((64, 64, 3)), backbone, *head.layers])
    whole.compile(
        keras.optimizers.Adam(config.learning_rate),
        loss="binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=is_faster_compiled(architecture),  # XLA draws other dropout masks on TensorFlow
    )
    return whole


def _fit(whole: keras.Sequential, photographs: Examples, config: TrialConfig) -> list[dict[str, float]]:
    """Returns the figures of each epoch of plain `fit`, on the batches that the trial's seed determines."""
    labels = photographs.labels[:, None].astype(np.float32)
    validation = photographs.inputs[photographs.validation], labels[photographs.validation]
    figures = []
    for epoch in range(1, config.epochs + 1):
        rows = np.random.default_rng([config.seed, epoch]).permutation(photographs.train)
        history = whole.fit(
            photographs.inputs[rows],
            labels[rows],
            batch_size=config.batch_size,
            shuffle=False,
            validation_data=validation,
            verbose=0,
        ).history
        figures.append({name: values[0] for name, values in history.items()})
    return figures


@pytest.mark.parametrize("dropout", [pytest.param(0.0, marks=pytest.mark.slow), 0.3])
def test_training_on_cached_features_equals_training_the_whole_network(
    backbone: keras.Model, photographs: Examples, dropout: float
) -> None:
    config = replace(CONFIG, dropout=dropout)
    backbone_before = weights_digest(backbone)
    features = backbone.predict(photographs.inputs, verbose=0)
    whole = _whole_network(backbone, features.shape[1], config)
    plain = _fit(whole, photographs, config)

    cached = Training(config, replace(photographs, inputs=features))
    ours = list(cached.epochs())

    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        expected = [figures[name] for figures in plain]
        assert [getattr(metrics, name) for metrics in ours] == pytest.approx(expected, abs=LOSS_TOLERANCE)
    for layer, expected_layer in zip(cached.network.layers, whole.layers[1:], strict=True):
        for ours_weight, weight in zip(layer.weights, expected_layer.weights, strict=True):
            difference = np.abs(np.asarray(ours_weight.value) - np.asarray(weight.value))
            assert difference.max() <= WEIGHT_TOLERANCE
            assert difference.mean() <= MEAN_WEIGHT_TOLERANCE
    assert weights_digest(backbone) == backbone_before
    assert ours[0].loss != ours[1].loss
