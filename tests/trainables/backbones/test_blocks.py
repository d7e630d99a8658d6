"""Blocks of a backbone: where they end, and which are trained."""

import keras
import pytest

from data_prep.errors import InputError
from trainables.backbones.blocks import block_ends, unfreeze

pytestmark = pytest.mark.training


def _application(name: str, px: int = 75) -> keras.Model:
    with keras.StatelessScope(initialize_variables=False):
        build = getattr(keras.applications, name)
        model = build(include_top=False, weights=None, input_shape=(px, px, 3), pooling="avg")
    keras.utils.clear_session()  # else Keras allocates the weights with the next model
    return model


@pytest.mark.parametrize(
    ("name", "blocks", "last"),
    [
        ("ResNet50V2", 16, ["conv5_block2_out", "conv5_block3_out"]),
        ("InceptionV3", 11, ["mixed9", "mixed10"]),
        ("VGG16", 5, ["block4_pool", "block5_pool"]),
        ("MobileNet", 27, ["conv_dw_13", "conv_pw_13"]),
        ("EfficientNetB0", 9, ["block6c_add", "block6d_add"]),
    ],
)
def test_blocks_end_where_all_paths_meet(name: str, blocks: int, last: list[str]) -> None:
    ends = block_ends(_application(name))
    assert (len(ends), ends[-2:]) == (blocks, last)


def _trained_names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable and layer.weights]


def test_last_block_of_resnet_is_trained_without_its_batchnorm() -> None:
    model = _application("ResNet50V2")
    unfreeze(model, 1, train_batchnorm=False)
    assert _trained_names(model) == [f"conv5_block3_{number}_conv" for number in (1, 2, 3)]


def test_batchnorm_is_trained_where_it_is_asked_for() -> None:
    model = _application("ResNet50V2")
    unfreeze(model, 1, train_batchnorm=True)
    assert {"conv5_block3_preact_bn", "conv5_block3_2_bn", "post_bn"} <= set(_trained_names(model))


def test_no_block_and_all_blocks() -> None:
    model = _application("VGG16")
    unfreeze(model, 0, train_batchnorm=False)
    assert _trained_names(model) == []
    unfreeze(model, "all", train_batchnorm=False)
    everything = _trained_names(model)
    unfreeze(model, 5, train_batchnorm=False)
    assert _trained_names(model) == everything
    assert len(everything) == 13


def test_more_blocks_than_there_are() -> None:
    with pytest.raises(InputError, match=r"^vgg16 has 5 blocks, received 6; use fewer, or all$"):
        unfreeze(_application("VGG16"), 6, train_batchnorm=False)
