"""A pretrained backbone inside a network: its preprocessing as layers."""

import keras
import numpy as np
import pytest

from trainables.backbones.table import APPLICATIONS, find_backbone
from trainables.backbones.weights import preprocess
from trainables.training.pretrained import preprocessing_layers

pytestmark = pytest.mark.training

ONE_OF_EACH_MODULE = sorted({module: f"keras:{name}" for name, (module, _) in APPLICATIONS.items()}.values())


@pytest.mark.parametrize("name", ["resnet50_v2", "inception_v3", *ONE_OF_EACH_MODULE])
def test_layers_preprocess_as_the_application_does(name: str) -> None:
    backbone = find_backbone(name)
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3)).astype(np.float32)
    expected = np.asarray(preprocess(backbone, images))
    layers = preprocessing_layers(backbone)
    seen = images
    for layer in layers:
        seen = layer(seen)
    np.testing.assert_allclose(np.asarray(seen), expected, rtol=1e-6, atol=2e-5)
    assert [weight for layer in layers for weight in layer.trainable_weights] == []
    assert {type(layer) for layer in layers} <= {keras.layers.Rescaling, keras.layers.Dense}


def test_no_layer_where_the_pixels_stay_as_they_are() -> None:
    assert preprocessing_layers(find_backbone("keras:EfficientNetB0")) == []


def test_network_of_our_own_scales_its_pixels_itself() -> None:
    assert preprocessing_layers(find_backbone("hassner")) == []
