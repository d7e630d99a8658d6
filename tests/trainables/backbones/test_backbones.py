"""The table of backbones, their weights, and what Keras builds of them."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from data_prep.errors import InputError
from trainables.backbones.__main__ import main
from trainables.backbones.table import APPLICATIONS, BACKBONES, find_backbone
from trainables.backbones.weights import build_backbone, preprocess, weights_digest, weights_identity
from trainables.training.parameter_counts import ParameterCounts, parameter_counts

pytestmark = pytest.mark.training

SMALL = find_backbone("keras:MobileNetV2")


# Keras 3.15 copies weights into numpy in a way that numpy 2 warns of
saving = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def small_model() -> keras.Model:
    return build_backbone(SMALL, "none")


@pytest.mark.parametrize(
    ("name", "input_px"), [("hassner", 227), ("inception_v3", 299), ("resnet50_v2", 224)]
)
def test_find_backbone_of_the_report(name: str, input_px: int) -> None:
    assert find_backbone(name).input_px == input_px


def test_find_backbone_of_keras() -> None:
    backbone = find_backbone("keras:EfficientNetB3")
    assert (backbone.application, backbone.input_px) == ("EfficientNetB3", 300)
    assert backbone.preprocessing == "keras.applications.efficientnet.preprocess_input"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet50v2", "did you mean resnet50_v2"),
        ("keras:EfficientNetB9", "did you mean keras:EfficientNetB"),
        ("MobileNetV2", "did you mean keras:MobileNetV2"),
        (
            "?",
            r"resnet50_v2 or keras:<Name> of keras.applications, received '\?'$",
        ),
    ],
)
def test_find_backbone_unknown(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_backbone(name)


def test_find_backbone_with_an_input_size_and_a_pooling() -> None:
    backbone = find_backbone("keras:MobileNetV2@160@max")
    assert (backbone.application, backbone.input_px, backbone.pooling) == ("MobileNetV2", 160, "max")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("keras:NASNetMobile@160", "keras:NASNetMobile reads images of 224 pixels only, received 160"),
        ("hassner@160", "hassner reads images of 227 pixels only"),
        ("inception_v3@64", "the input of inception_v3 has a side from 75 pixels, received '64'"),
        ("resnet50_v2@big", "the input of resnet50_v2 has a side from 32 pixels, received 'big'"),
        ("hassner@max", "hassner has no pooling max"),
        ("resnet50_v2@class_token", "resnet50_v2 has no pooling class_token"),
        ("hassner+resnet50_v2", "backbones side by side are frozen, hassner is not"),
        ("resnet50_v2+resnet50_v2", r"named once each, received 'resnet50_v2\+resnet50_v2'"),
    ],
)
def test_backbone_refuses(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_backbone(name)


def test_backbones_side_by_side() -> None:
    backbone = find_backbone("inception_v3@224+resnet50_v2")
    assert [part.name for part in backbone.each] == ["inception_v3@224", "resnet50_v2"]
    assert (backbone.input_px, backbone.features) == (224, 4096)


def test_applications_are_those_of_the_installed_keras() -> None:
    models = inspect.getmembers(keras.applications, inspect.isfunction)
    assert {name: model.__module__.rpartition(".")[2] for name, model in models} == {
        name: module for name, (module, _) in APPLICATIONS.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in APPLICATIONS if not name.startswith("MobileNetV3")])
def test_application_has_its_default_input_size(name: str) -> None:
    with keras.StatelessScope(initialize_variables=False):
        model = getattr(keras.applications, name)(weights=None)
    assert model.input_shape[1:] == (APPLICATIONS[name][1], APPLICATIONS[name][1], 3)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("inception_v3", ParameterCounts(24_572_705, 2_762_241, 21_810_464)),
        ("resnet50_v2", ParameterCounts(26_334_721, 2_762_241, 23_572_480)),
    ],
)
def test_parameter_counts_equal_the_report(name: str, counts: ParameterCounts) -> None:
    assert parameter_counts(find_backbone(name)) == counts


def test_parameter_counts_of_a_network_trained_from_scratch() -> None:
    counts = parameter_counts(find_backbone("hassner"))
    assert counts.total == counts.trainable > 0


def test_build_backbone_is_frozen_and_pools(small_model: keras.Model) -> None:
    assert small_model.trainable_weights == []
    assert small_model.output_shape == (None, 1280)


def test_build_backbone_random_weights_are_the_same_everywhere(small_model: keras.Model) -> None:
    assert weights_digest(small_model) == "a57b50564e520dfa00e8b70e7c93d8e3"


@pytest.mark.parametrize("name", ["resnet50_v2", "inception_v3"])
@pytest.mark.slow
def test_build_backbone_random_features_tell_images_apart(name: str) -> None:
    backbone = find_backbone(name)
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (4, 8, 8, 3)).astype(np.float32)
    images = np.asarray(keras.ops.image.resize(coarse, (backbone.input_px, backbone.input_px)))
    features = build_backbone(backbone, "none").predict(preprocess(backbone, images), verbose=0)
    spread = features.std(axis=0)
    assert np.isfinite(features).all()
    assert np.median(spread / np.abs(features.mean(axis=0)).clip(1e-9)) > 0.01
    assert np.median(spread) > 0.005  # BatchNorm's epsilon, 0.001, is added to its square


def test_build_backbone_refuses_one_without_a_frozen_part() -> None:
    with pytest.raises(InputError, match="hassner is trained from its pixels"):
        build_backbone(find_backbone("hassner"), "none")


@saving
def test_build_backbone_from_a_file(small_model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "mine.weights.h5"
    small_model.save_weights(path)
    assert weights_digest(build_backbone(SMALL, str(path))) == weights_digest(small_model)


@saving
def test_build_backbone_from_a_file_of_another_model(tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)]).save_weights(path)
    with pytest.raises(
        InputError, match=r"other\.weights\.h5 does not fit keras:MobileNetV2 .* --weights none"
    ):
        build_backbone(SMALL, str(path))


def test_build_backbone_from_a_file_that_is_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "broken.weights.h5"
    path.write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"broken\.weights\.h5 does not fit"):
        build_backbone(SMALL, str(path))


DOWNLOAD = """
from data_prep.errors import InputError
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone
try:
    build_backbone(find_backbone("keras:MobileNetV2"), "imagenet")
except InputError as error:
    print(error)
"""


def test_failed_download_is_one_sentence(tmp_path: Path) -> None:
    nowhere = {"KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}  # nothing listens there
    done = subprocess.run(
        [sys.executable, "-c", DOWNLOAD],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"the ImageNet weights of keras:MobileNetV2 .* --weights none\n", done.stdout)


def test_weights_identity_of_words() -> None:
    assert [weights_identity(word) for word in ("none", "imagenet")] == ["none", "imagenet"]


def test_weights_identity_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"abc")
    assert weights_identity(str(tmp_path / "a.h5")) == "file:ba7816bf8f01cfea414140de5dae2223"


def test_weights_identity_of_a_missing_file() -> None:
    with pytest.raises(InputError, match="imagenet, none or a file that can be read, received 'imagnet'"):
        weights_identity("imagnet")


def test_preprocess_is_that_of_the_application() -> None:
    images = np.full((1, 2, 2, 3), 255.0, np.float32)
    assert preprocess(find_backbone("resnet50_v2"), images).max() == 1.0
    assert images.max() == 255.0
    assert preprocess(find_backbone("hassner"), images) is images


def test_main_prints_one_json_array(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [backbone.name for backbone in BACKBONES]
    assert all(row["total"] == row["trainable"] + row["non_trainable"] for row in rows)
    assert [row["gflop"] for row in rows] == [None, 11.4, 6.96]


def test_main_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "keras:<Name>" in capsys.readouterr().out


def test_the_cache_is_read_without_keras() -> None:
    program = (
        "import sys, trainables.features.extraction; print('keras' in sys.modules, 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
