"""Training for more than two classes: one program for all ways to train, and two classes as they were."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from trainables.training.batches import Examples
from trainables.training.network import Architecture, build_network, loss_of, set_initial_state
from trainables.training.packed import PackedTraining, pack_size
from trainables.training.training import Training
from trainables.training.validation_metrics import validation_figures
from trainables.trial import LAST, TrialConfig

pytestmark = pytest.mark.training

CONFIG = TrialConfig(hidden_units=(8,), batch_size=8, epochs=3, learning_rate=0.03)


def _examples(classes: int, features: int = 12) -> Examples:
    """Returns rows of features that tell the class, with noise; a quarter of them validate."""
    rng = np.random.default_rng(0)
    labels = np.arange(8 * classes) % classes
    means = rng.normal(size=(classes, features)) * 2
    inputs = (rng.normal(size=(labels.size, features)) + means[labels]).astype(np.float32)
    rows = rng.permutation(labels.size)
    cut = 6 * classes
    return Examples(inputs, labels.astype(np.int16), rows[:cut], rows[cut:], classes)


def _trained(config: TrialConfig, examples: Examples) -> Training:
    training = Training(config, examples)
    for _ in training.epochs():
        pass
    return training


@pytest.mark.parametrize("classes", [3, 5, 40])
def test_training_of_classes_gives_a_distribution_and_its_figures(classes: int) -> None:
    examples = _examples(classes)
    training = _trained(CONFIG, examples)
    probabilities = training.validation_probabilities()
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (examples.validation.size, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    truth, last = examples.labels[examples.validation], training.finished[-1]
    assert last.val_accuracy == pytest.approx(accuracy_score(truth, probabilities.argmax(axis=1)))
    exact = probabilities.astype(float)
    expected = log_loss(truth, exact / exact.sum(axis=1, keepdims=True), labels=range(classes))
    assert last.val_loss == pytest.approx(expected, abs=1e-4)
    assert last.val_accuracy > 2 / classes


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="packs are trained by Keras on JAX")
def test_pack_of_classes_equals_trainings() -> None:
    examples = _examples(5)
    configs = [CONFIG, replace(CONFIG, seed=1, dropout=0.2)]
    pack = PackedTraining(configs, examples)
    for _ in pack.epochs():
        pass
    for config, finished, ours in zip(configs, pack.finished, pack.validation_probabilities(), strict=True):
        alone = _trained(config, examples)
        assert [each.val_accuracy for each in finished] == [each.val_accuracy for each in alone.finished]
        assert [each.val_loss for each in finished] == pytest.approx(
            [each.val_loss for each in alone.finished], abs=1e-5
        )
        np.testing.assert_allclose(ours, alone.validation_probabilities(), atol=1e-5)


def test_two_classes_are_one_sigmoid_unit() -> None:
    plain = build_network(Architecture((6,), (4,), has_dropout=False, has_l2=False))
    assert plain.output_shape == (None, 1)
    assert plain.layers[-1].activation is keras.activations.sigmoid


def test_start_from_other_classes_draws_the_output_layer_anew(tmp_path: Path) -> None:
    pretrained = Training(CONFIG, _examples(2))
    for _ in pretrained.epochs():
        pretrained.save(tmp_path)
    pretrained.keep(tmp_path, tmp_path)
    training = Training(CONFIG, _examples(5))
    drawn = [np.asarray(value) for value in training.network.layers[-1].get_weights()]
    training.start_from(tmp_path / LAST)
    for ours, theirs in zip(training.network.layers[:-1], pretrained.network.layers[:-1], strict=True):
        for weight, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)
    for weight, expected in zip(training.network.layers[-1].get_weights(), drawn, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_checkpoint_of_other_classes_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    _trained(CONFIG, _examples(3)).save(tmp_path)
    with pytest.warns(UserWarning, match="it is of another trial"):
        assert not Training(CONFIG, _examples(5)).restore(tmp_path)


def test_validation_figures_of_classes_are_those_of_scikit_learn() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], np.float32)
    labels = np.array([0, 1, 2])
    found = validation_figures(labels, probabilities, penalty=0.5)
    entropy = -np.log([0.7, 0.5, 0.1]).mean()
    assert found["val_loss"] == pytest.approx(entropy + 0.5, abs=1e-6)
    assert found["val_accuracy"] == pytest.approx(2 / 3)


def test_pack_size_of_classes_counts_their_outputs() -> None:
    assert pack_size(CONFIG, 2048, 1e9, classes=3) <= pack_size(CONFIG, 2048, 1e9)
    assert pack_size(CONFIG, 2048, 1e9, classes=1000) < 0.8 * pack_size(CONFIG, 2048, 1e9)


@pytest.mark.parametrize("statistics", ["exact", "momentum"])
def test_pack_size_of_a_linear_head_is_more_than_one(statistics: str) -> None:
    linear = replace(CONFIG, hidden_units=(), bn_statistics=statistics)
    assert pack_size(linear, 2048, 1e9, classes=5) > 1


def test_smoothed_labels_of_classes_are_those_of_keras() -> None:
    config = replace(CONFIG, label_smoothing=0.2)
    network = build_network(Architecture.of(config, (12,), classes=3))
    set_initial_state(network, config)
    labels, stated = np.array([[0.0], [2.0]]), np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], np.float32)
    expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)(np.eye(3)[[0, 2]], stated)
    assert float(loss_of(network)(labels, stated)) == pytest.approx(float(expected), abs=1e-6)
