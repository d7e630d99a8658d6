"""Training on images: the CNN and an unfrozen backbone, on tiny pictures."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone
from trainables.hyperparameters import BN_STATISTICS
from trainables.training import program
from trainables.training.batches import Examples
from trainables.training.network import body_of
from trainables.training.pretrained import preprocessing_layers
from trainables.training.state_file import read_state
from trainables.training.training import CHECKPOINT, Training
from trainables.trial import BEST, LAST, EpochMetrics, TrialConfig, best_epoch

pytestmark = pytest.mark.training

PX = 36
UNFROZEN = TrialConfig(
    backbone="keras:MobileNet",
    hidden_units=(8, 4),
    batch_size=5,
    epochs=2,
    dropout=0.3,
    unfrozen_blocks=2,
    learning_rate=1e-2,
)
HEAD = replace(UNFROZEN, unfrozen_blocks=0)


@pytest.fixture(scope="module")
def pictures() -> Examples:
    """Returns twelve training and four validation pictures, brighter by their label."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(16).astype(np.int8) % 2
    inputs = rng.integers(0, 200, (16, PX, PX, 3)) + 55 * labels[:, None, None, None]
    return Examples(inputs.astype(np.uint8), labels, np.arange(12), np.arange(12, 16))


@pytest.fixture(scope="module")
def features(pictures: Examples) -> Examples:
    """Returns the frozen backbone's features of the pictures."""
    backbone = replace(find_backbone(UNFROZEN.backbone), input_px=PX)
    below = keras.Sequential([*preprocessing_layers(backbone), build_backbone(backbone, "none")])
    return replace(pictures, inputs=np.asarray(below.predict(pictures.inputs.astype(np.float32), verbose=0)))


def _trained(config: TrialConfig, examples: Examples, epochs: int | None = None) -> Training:
    started = Training(config, examples)
    for _ in zip(range(epochs or config.epochs), started.epochs(), strict=False):
        pass
    return started


def _kept(config: TrialConfig, examples: Examples, folder: Path) -> Training:
    """Returns a trial that was saved after every epoch, and whose weights are kept in `folder`."""
    trained = Training(config, examples)
    for _ in trained.epochs():
        trained.save(folder / "checkpoint")
    trained.keep(folder / "checkpoint", folder / "kept")
    return trained


def _numbers(epochs: list[EpochMetrics]) -> list[EpochMetrics]:
    return [replace(metrics, seconds=0) for metrics in epochs]


def _values(trained: Training) -> list[np.ndarray]:
    return [np.asarray(variable.value).copy() for variable in trained._state()]


def _assert_same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for value, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(value, expected)


def _body(trained: Training) -> keras.Model:
    body = body_of(trained.network)
    assert body is not None
    return body


def _weights(layers: list[keras.layers.Layer]) -> list[np.ndarray]:
    return [np.asarray(weight.value).copy() for layer in layers for weight in layer.weights]


def test_unfrozen_blocks_change_and_the_rest_stays_to_the_bit(pictures: Examples) -> None:
    body = _body(Training(UNFROZEN, pictures))
    trained = [layer for layer in body.layers if layer.trainable and layer.weights]
    frozen = [layer for layer in body.layers if not layer.trainable]
    before, below = _weights(trained), _weights(frozen)
    _trained(UNFROZEN, pictures)
    assert [layer.name for layer in trained] == ["conv_dw_13", "conv_pw_13"]
    assert all((old != new).any() for old, new in zip(before, _weights(trained), strict=True))
    _assert_same(_weights(frozen), below)


@pytest.mark.slow
@pytest.mark.parametrize("trains", [False, True])
def test_batchnorm_of_a_backbone_stays_unless_it_is_asked_for(pictures: Examples, trains: bool) -> None:
    config = replace(UNFROZEN, train_batchnorm=trains)
    layer = _body(Training(config, pictures)).get_layer("conv_pw_13_bn")
    before = _weights([layer])
    _trained(config, pictures)
    changed = [bool((old != new).any()) for old, new in zip(before, _weights([layer]), strict=True)]
    assert changed == [trains] * 4


@pytest.mark.parametrize("statistics", BN_STATISTICS)
def test_network_with_a_frozen_backbone_trains_as_its_head_on_features(
    pictures: Examples, features: Examples, statistics: str
) -> None:
    """XLA rounds a backbone that is part of a step differently; see test_equivalence."""
    config = replace(HEAD, bn_statistics=statistics)
    whole, alone = _trained(config, pictures).finished, _trained(config, features).finished
    for name in ("loss", "val_loss", "train_accuracy_at_inference"):
        expected = [getattr(metrics, name) for metrics in alone]
        assert [getattr(metrics, name) for metrics in whole] == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("config", [UNFROZEN, replace(UNFROZEN, augment="crop_flip")], ids=["plain", "crops"])
def test_reused_network_with_a_backbone_equals_a_new_one_to_the_bit(
    pictures: Examples, config: TrialConfig
) -> None:
    program.compiled.cache_clear()
    fresh = _trained(config, pictures)
    numbers, state = _numbers(fresh.finished), _values(fresh)
    _trained(replace(config, seed=1, learning_rate=0.1), pictures)
    again = _trained(config, pictures)
    assert _numbers(again.finished) == numbers
    _assert_same(_values(again), state)


@pytest.mark.slow
def test_weights_of_a_head_start_the_head_on_images(
    pictures: Examples, features: Examples, tmp_path: Path
) -> None:
    expected = _kept(HEAD, features, tmp_path).validation_probabilities()
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [BEST, LAST]
    tuned = Training(UNFROZEN, pictures)
    tuned.start_from(tmp_path / "kept" / LAST)
    np.testing.assert_allclose(tuned.validation_probabilities(), expected, atol=1e-4)
    assert [metrics.epoch for metrics in tuned.epochs()] == [1, 2]


def test_start_from_keeps_rates_and_random_numbers_of_its_own(features: Examples, tmp_path: Path) -> None:
    _kept(replace(HEAD, seed=1, dropout=0.6), features, tmp_path)
    fresh = {
        variable.path: np.asarray(variable.value).copy()
        for variable in Training(HEAD, features)._program.changing
    }
    started = Training(HEAD, features)
    started.start_from(tmp_path / "kept" / LAST)
    own = [
        variable
        for variable in started._program.changing
        if variable.name in ("rate", "seed_generator_state")
    ]
    assert len(own) == 4
    for variable in own:
        np.testing.assert_array_equal(np.asarray(variable.value), fresh[variable.path])
    kernel = started.network.layers[2].kernel
    assert (np.asarray(kernel.value) != fresh[kernel.path]).any()


def test_start_from_the_weights_of_another_network(
    pictures: Examples, features: Examples, tmp_path: Path
) -> None:
    _kept(replace(HEAD, hidden_units=(9, 4), epochs=1), features, tmp_path)
    with pytest.raises(ValueError, match="are those of another network"):
        Training(UNFROZEN, pictures).start_from(tmp_path / "kept" / LAST)


def test_best_epoch_is_kept_beside_the_last(features: Examples, tmp_path: Path) -> None:
    trained = Training(replace(HEAD, epochs=6, learning_rate=0.3), features)
    for _ in trained.epochs():
        trained.save(tmp_path)
    facts, _ = read_state(tmp_path / BEST)
    assert len(read_state(tmp_path / CHECKPOINT)[0]["epochs"]) == 6
    assert len(facts["epochs"]) == best_epoch(trained.finished)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_computes_lower_and_keeps_float32_weights(pictures: Examples, precision: str) -> None:
    config = replace(UNFROZEN, precision=precision, dropout=0.0, l2=1e-3)
    full, mixed = _trained(replace(config, precision="float32"), pictures), _trained(config, pictures)
    dtypes = {variable.dtype for variable in mixed.network.trainable_variables}
    assert dtypes == {"float32"}
    assert _body(mixed).get_layer("conv_pw_13").compute_dtype == precision
    assert _numbers(mixed.finished) != _numbers(full.finished)
    assert mixed.finished[0].loss == pytest.approx(full.finished[0].loss, abs=0.1)
    assert keras.config.dtype_policy().name == "float32"


def test_restored_network_with_a_backbone_continues_to_the_bit(pictures: Examples, tmp_path: Path) -> None:
    config = replace(UNFROZEN, augment="crop_flip", train_batchnorm=True)
    unbroken = _trained(config, pictures)
    numbers, state = _numbers(unbroken.finished), _values(unbroken)
    _trained(config, pictures, epochs=1).save(tmp_path)
    _trained(replace(config, seed=3), pictures)
    continued = Training(config, pictures)
    assert continued.restore(tmp_path)
    assert len(list(continued.epochs())) == 1
    assert _numbers(continued.finished) == numbers
    _assert_same(_values(continued), state)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3])
def test_mixed_images_train_a_network(pictures: Examples, classes: int) -> None:
    examples = replace(pictures, labels=np.arange(len(pictures.labels)) % classes, classes=classes)
    trained = _trained(replace(UNFROZEN, epochs=1, mixup=0.4), examples)
    (epoch,) = trained.finished
    assert (np.isfinite(epoch.loss), np.isfinite(epoch.val_loss)) == (True, True)
    assert len(trained.validation_probabilities()) == len(examples.validation)


def test_loss_of_mixed_images_is_that_of_soft_labels() -> None:
    said, truth = np.array([[0.7], [0.2]], np.float32), np.array([[1, 0, 0.75], [0, 1, 0.5]], np.float32)
    plain = keras.losses.BinaryCrossentropy()
    soft = np.array([[0.75], [0.5]], np.float32)
    mixed = program.MixedLoss(plain)
    assert float(mixed(truth, said)) == pytest.approx(float(plain(soft, said)), rel=1e-6)
    assert float(mixed(truth[:, :1], said)) == pytest.approx(float(plain(truth[:, :1], said)), rel=1e-6)
    accuracy = program.accuracy_of_first()
    accuracy.update_state(truth, said)
    assert float(accuracy.result()) == 1.0
