"""Networks of the user's own are trained like ours: reset for each trial, resumed, and written as a model."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from data_prep.errors import InputError
from trainables.inference.deployed_model import write_model
from trainables.own_code import OwnCode
from trainables.training.batches import Examples
from trainables.training.training import CHECKPOINT, Training
from trainables.trial import OWN_NETWORK, TrialConfig

# Keras writes h5 files in a way that numpy 2 warns of
pytestmark = [
    pytest.mark.training,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

CODE = OwnCode.read(Path(__file__).parents[3] / "examples" / "my_heads.py")
HEAD = TrialConfig(head="build?rank=4", head_source=CODE.digest, batch_size=4, epochs=2)


@pytest.fixture(scope="module")
def features() -> Examples:
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    inputs = rng.normal(size=(24, 6)).astype(np.float32) + labels[:, None]
    return Examples(inputs, labels, np.arange(16), np.arange(16, 24))


@pytest.fixture(scope="module")
def images() -> Examples:
    rng = np.random.default_rng(0)
    labels = np.arange(8) % 2
    inputs = rng.integers(0, 200, (8, 32, 32, 3)) + 55 * labels[:, None, None, None]
    return Examples(inputs.astype(np.uint8), labels, np.arange(6), np.arange(6, 8))


def losses(training: Training) -> list[float]:
    return [epoch.val_loss for epoch in training.epochs()]


def test_reused_network_trains_like_a_new_one(features: Examples) -> None:
    first = losses(Training(HEAD, features, code=CODE))
    losses(Training(replace(HEAD, seed=8), features, code=CODE))
    assert losses(Training(HEAD, features, code=CODE)) == first


def test_seed_and_values_make_another_network(features: Examples) -> None:
    changes = ({}, {"seed": 8}, {"head": "build?rank=4&gate=tanh"})
    found = [losses(Training(replace(HEAD, **change), features, code=CODE))[0] for change in changes]
    assert len(set(found)) == 3


def test_killed_training_goes_on_to_the_bit(features: Examples, tmp_path: Path) -> None:
    whole = losses(Training(HEAD, features, code=CODE))
    killed = Training(HEAD, features, code=CODE)
    next(killed.epochs())
    killed.save(tmp_path)
    losses(Training(replace(HEAD, seed=8), features, code=CODE))
    resumed = Training(HEAD, features, code=CODE)
    assert resumed.restore(tmp_path)
    losses(resumed)
    assert [epoch.val_loss for epoch in resumed.finished] == whole


@pytest.mark.parametrize("code", [None, OwnCode("my_heads.py", "def build(a, b, c): pass")])
def test_file_that_is_not_the_one_of_the_trial_is_refused(features: Examples, code: OwnCode | None) -> None:
    with pytest.raises(InputError, match=f"a file with the digest {CODE.digest}, received "):
        Training(HEAD, features, code=code)


def test_what_the_function_gives_is_checked(features: Examples) -> None:
    code = OwnCode("my_heads.py", "def build(shape, classes, hyperparameters): return classes")
    with pytest.raises(InputError, match=r"a keras\.Model with outputs \(None, 1\), .* received int"):
        code.build("build", (6,), 2)


def test_what_the_function_raises_is_told() -> None:
    code = OwnCode("my_heads.py", "def build(shape, classes, hyperparameters): return 1 / 0")
    with pytest.raises(InputError, match=r"build of my_heads\.py failed on .* ZeroDivisionError"):
        code.build("build", (6,), 2)


def test_network_on_images_is_trained_and_written(images: Examples, tmp_path: Path) -> None:
    config = TrialConfig(
        backbone=OWN_NETWORK, input_px=32, head="small_cnn", head_source=CODE.digest, batch_size=4, epochs=1
    )
    training = Training(config, images, code=CODE)
    losses(training)
    training.save(tmp_path)
    training.keep(tmp_path, tmp_path / "kept")
    assert (tmp_path / CHECKPOINT).exists()
    kept, path = tmp_path / "kept" / "last.npz", tmp_path / "model.keras"
    write_model(config.to_dict(), "none", kept, path, temperature=2.0, code=CODE)
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    said = np.asarray(model.predict_on_batch(images.inputs[images.validation].astype(np.float32)))[:, 0]
    trained = training.validation_probabilities()
    assert np.allclose(np.log(said / (1 - said)), np.log(trained / (1 - trained)) / 2, atol=1e-3)
