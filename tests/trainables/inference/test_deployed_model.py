"""The model to take away: one file that plain Keras loads and that computes what was trained."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from data_prep.errors import InputError
from trainables.backbones.table import Backbone, find_backbone
from trainables.backbones.weights import build_backbone
from trainables.features.inputs import backbone_read_by, rows_read_by
from trainables.features.side_by_side import side_by_side
from trainables.inference import deployed_model
from trainables.inference.deployed_model import FILE_TOLERANCE, write_model
from trainables.training.batches import Examples
from trainables.training.pretrained import preprocessing_layers
from trainables.training.state_file import write_state
from trainables.training.training import Training
from trainables.trial import BEST, LAST, TrialConfig

# Keras writes h5 files in a way that numpy 2 warns of
pytestmark = [
    pytest.mark.training,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

HEAD = TrialConfig(
    backbone="keras:MobileNet", hidden_units=(8, 4), batch_size=4, epochs=2, dropout=0.3, l2=1e-3
)
CASES = {
    "head": HEAD,
    "unfrozen": replace(HEAD, unfrozen_blocks=1, augment="crop_flip"),
    "hassner": replace(HEAD, backbone="hassner", augment="flip"),
    "three classes": replace(HEAD, seed=3),
    "side by side": replace(
        HEAD, backbone="keras:MobileNet+keras:MobileNetV2", input_px=64, pooling="max", activation="gelu"
    ),
}


def _pictures(px: int) -> Examples:
    """Returns six training and two validation pictures, brighter by their label."""
    rng = np.random.default_rng(0)
    labels = np.arange(8) % 2
    inputs = rng.integers(0, 200, (8, px, px, 3)) + 55 * labels[:, None, None, None]
    return Examples(inputs.astype(np.uint8), labels, np.arange(6), np.arange(6, 8))


def _of_three_classes(examples: Examples) -> Examples:
    return replace(examples, labels=np.arange(8) % 3, classes=3)


def _examples(config: TrialConfig) -> tuple[Examples, np.ndarray]:
    """Returns what a trial reads, and the images behind its validation rows."""
    backbone = find_backbone(backbone_read_by(config))
    rows = rows_read_by(config)
    pictures = _pictures(
        int(rows.removeprefix("pixels:")) if rows.startswith("pixels") else backbone.input_px
    )
    images = pictures.inputs[pictures.validation].astype(np.float32)
    if rows.startswith("pixels"):
        return pictures, images
    features = [_features(part, pictures.inputs) for part in backbone.each]
    return replace(pictures, inputs=side_by_side(features)), images


def _features(backbone: Backbone, images: np.ndarray) -> np.ndarray:
    below = keras.Sequential([*preprocessing_layers(backbone), build_backbone(backbone, "none")])
    return np.asarray(below.predict(images.astype(np.float32), verbose=0))


@pytest.fixture(
    scope="module",
    params=[name if name == "head" else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a model, images and what the trained network says of them."""
    folder = tmp_path_factory.mktemp(request.param)
    config = CASES[request.param]
    examples, images = _examples(config)
    if request.param == "three classes":
        examples = _of_three_classes(examples)
    trained = Training(config, examples)
    for _ in trained.epochs():
        trained.save(folder)
    trained.keep(folder, folder)
    np.savez(folder / "seen.npz", images=images, expected=trained.validation_probabilities())
    write_model(config.to_dict(), "none", folder / LAST, folder / "winner" / "model.keras")
    return folder


LOAD = """
import sys, json, numpy as np, keras
seen = np.load(sys.argv[2])
model = keras.saving.load_model(sys.argv[1], safe_mode=True)
found = model.predict(seen["images"], verbose=0)
print(json.dumps([model.input_shape, (found[:, 0] if found.shape[1] == 1 else found).tolist()]))
"""


def test_plain_keras_loads_the_file_and_says_what_the_trained_network_says(written: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(written / "winner" / "model.keras"), str(written / "seen.npz")],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    shape, probabilities = json.loads(done.stdout.splitlines()[-1])
    seen = np.load(written / "seen.npz")
    assert shape == [None, *seen["images"].shape[1:]]
    np.testing.assert_allclose(probabilities, seen["expected"], atol=FILE_TOLERANCE)


def test_temperature_divides_the_logits(written: Path) -> None:
    if "head" not in written.name:
        pytest.skip("one kind is enough")
    path = written / "calibrated" / "model.keras"
    write_model(CASES["head"].to_dict(), "none", written / LAST, path, temperature=2.0)
    seen = np.load(written / "seen.npz")
    found = keras.saving.load_model(path).predict(seen["images"], verbose=0)[:, 0]
    expected = seen["expected"]
    np.testing.assert_allclose(np.log(found / (1 - found)), np.log(expected / (1 - expected)) / 2, atol=1e-3)


def test_linear_classifier_is_a_head_without_hidden_units(tmp_path: Path) -> None:
    config = replace(HEAD, hidden_units=(), normalisation="none", dropout=0.0, l2=0.0, epochs=1)
    pictures, rng = _pictures(224), np.random.default_rng(0)
    features = _features(find_backbone(HEAD.backbone), pictures.inputs)
    kernel, bias = rng.normal(size=(features.shape[1], 1)).astype(np.float32), np.float32([0.1])
    write_state(tmp_path / LAST, {"classes": 2}, [kernel, bias])
    write_model(config.to_dict(), "none", tmp_path / LAST, tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    found = model.predict(pictures.inputs.astype(np.float32), verbose=0)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(features @ kernel + bias))), atol=FILE_TOLERANCE)


def test_nothing_else_is_left_beside_the_file(written: Path) -> None:
    assert [path.name for path in (written / "winner").iterdir()] == ["model.keras"]


def test_file_that_computes_something_else_is_not_kept(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed_model, "FILE_TOLERANCE", -1.0)
    facts = np.load(written / BEST)["arr_0"]
    config = json.loads(str(facts))["config"]
    with pytest.raises(InputError, match=r"^the model in the file computes something else"):
        write_model(config, "none", written / BEST, tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_damaged(tmp_path: Path) -> None:
    (tmp_path / LAST).write_bytes(b"text")
    with pytest.raises(InputError, match=r"^the weights in .*last\.npz cannot be used"):
        write_model(HEAD.to_dict(), "none", tmp_path / LAST, tmp_path / "model.keras")
