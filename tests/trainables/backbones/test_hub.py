"""Presets of keras_hub: cached features are what the preset's own network and preprocessing give."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_prep.errors import InputError
from trainables.backbones import hub
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import identity_of
from trainables.features.extraction import extract
from trainables.features.images import decode

PX = 32


def write_preset(folder: Path, class_name: str = "ViTBackbone", **config: Any) -> Path:
    """Writes the files of a preset whose weights nobody builds."""
    folder.mkdir(parents=True)
    facts = {"class_name": class_name, "config": {"use_class_token": True, **config}}
    (folder / hub.CONFIG).write_text(json.dumps(facts))
    converter = {"config": {"image_size": [PX, PX], "scale": 0.5, "offset": [-1.0, 0.0, 1.0]}}
    (folder / hub.CONVERTER).write_text(json.dumps(converter))
    (folder / hub.WEIGHTS).write_bytes(b"weights")
    return folder


def test_preset_is_known_by_its_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_preset(tmp_path / "vit")
    monkeypatch.chdir(tmp_path)
    backbone = find_backbone("hub:vit@class_token")
    assert (backbone.name, backbone.input_px) == (f"hub:{folder}@class_token", PX)
    assert identity_of(backbone, "imagenet") == f"hub:{hub.preset_digest(str(folder))}"


def test_equal_presets_are_one_wherever_they_lie(tmp_path: Path) -> None:
    traits: list[dict[str, int]] = [{}, {}, {"heads": 3}]
    folders = (write_preset(tmp_path / str(place), **each) for place, each in enumerate(traits))
    first, same, other = (hub.preset_digest(str(folder)) for folder in folders)
    assert first == same != other


def test_pixels_are_scaled_as_the_preset_says(tmp_path: Path) -> None:
    preset = str(write_preset(tmp_path / "vit"))
    assert hub.scaled(preset, np.full((1, 1, 1, 3), 4.0)).tolist() == [[[[1.0, 2.0, 3.0]]]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("@160", "reads images of 32 pixels only, received 160"),
        ("@class_token", "has no pooling class_token"),
    ],
)
def test_preset_refuses_what_it_does_not_have(tmp_path: Path, name: str, message: str) -> None:
    folder = write_preset(tmp_path / "resnet", "ResNetBackbone")
    with pytest.raises(InputError, match=message):
        find_backbone(f"hub:{folder}{name}")


def test_network_that_pools_itself_is_pooled_in_no_other_way(tmp_path: Path) -> None:
    folder = write_preset(tmp_path / "siglip", "SigLIPBackbone")
    assert find_backbone(f"hub:{folder}").preset
    with pytest.raises(InputError, match="has no pooling max; leave it out"):
        find_backbone(f"hub:{folder}@max")


def test_folder_that_is_no_preset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a preset of images has a config\.json, .* has none; name another"):
        find_backbone(f"hub:{tmp_path}")


SIZES = {"patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 16}
SHAPE = {"image_shape": (PX, PX, 3)}
TEXTS = {
    "vocabulary_size": 10,
    "embedding_dim": 16,
    "hidden_dim": 16,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_dim": 16,
}


def _family(name: str) -> tuple[Any, str]:
    """Returns a small network of that family with random weights, and the name of its converter."""
    from keras_hub import models

    if name == "vit":
        return models.ViTBackbone(mlp_dim=16, **SIZES, **SHAPE), "ViTImageConverter"
    if name in ("clip", "siglip"):
        return _reads_texts_as_well(name)
    wide = {**SIZES, **SHAPE, "intermediate_dim": 16}
    if name == "dinov2":
        positions = {"position_embedding_shape": (PX, PX, 3)}
        return models.DINOV2Backbone(num_register_tokens=2, **wide, **positions), "DINOV2ImageConverter"
    if name == "dinov3":
        return models.DINOV3Backbone(num_register_tokens=2, **wide), "DINOV3ImageConverter"
    if name == "swin":
        windows = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
        return models.SwinTransformerBackbone(**windows, **SHAPE), "SwinTransformerImageConverter"
    if name == "efficientnet":
        return _efficient(), "EfficientNetImageConverter"
    stacks = {"stackwise_num_filters": [64], "stackwise_num_blocks": [1], "stackwise_num_strides": [1]}
    return (
        models.ResNetBackbone([64], [3], block_type="basic_block", image_shape=(None, None, 3), **stacks),
        "ResNetImageConverter",
    )


def _reads_texts_as_well(name: str) -> tuple[Any, str]:
    from keras_hub import models
    from keras_hub.src.models.clip.clip_text_encoder import CLIPTextEncoder
    from keras_hub.src.models.clip.clip_vision_encoder import CLIPVisionEncoder
    from keras_hub.src.models.siglip.siglip_text_encoder import SigLIPTextEncoder
    from keras_hub.src.models.siglip.siglip_vision_encoder import SigLIPVisionEncoder

    sees = {**SIZES, **SHAPE, "intermediate_dim": 16}
    if name == "clip":
        encoders = CLIPVisionEncoder(**sees), CLIPTextEncoder(**TEXTS)
        return models.CLIPBackbone(*encoders, projection_dim=16), "CLIPImageConverter"
    return models.SigLIPBackbone(
        SigLIPVisionEncoder(**sees), SigLIPTextEncoder(**TEXTS)
    ), "SigLIPImageConverter"


def _efficient() -> Any:
    from keras_hub import models

    return models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0],
        stackwise_depth_coefficients=[1.0],
        stackwise_kernel_sizes=[3],
        stackwise_num_repeats=[1],
        stackwise_input_filters=[8],
        stackwise_output_filters=[8],
        stackwise_expansion_ratios=[1],
        stackwise_squeeze_and_excite_ratios=[0.25],
        stackwise_strides=[1],
        stackwise_block_types=["fused"],  # of EfficientNetV2
        stackwise_force_input_filters=[0],
        stackwise_nores_option=[False],
    )


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.filterwarnings("ignore")  # those of keras_hub are not ours to mend
@pytest.mark.parametrize(
    ("family", "pooling", "own"),
    [
        ("vit", "class_token", lambda places: places[:, 0]),
        ("vit", "average", lambda places: places[:, 1:].mean(axis=1)),
        ("dinov2", "max", lambda places: places[:, 3:].max(axis=1)),
        ("dinov3", "class_token", lambda places: places[:, 0]),
        ("dinov3", "average", lambda places: places[:, 3:].mean(axis=1)),
        ("clip", "class_token", lambda places: places[:, 0]),
        ("clip", "average", lambda places: places[:, 1:].mean(axis=1)),
        ("siglip", "average", lambda pooled: pooled),  # by its own attention
        ("swin", "average", lambda places: places.mean(axis=tuple(range(1, places.ndim - 1)))),
        ("efficientnet", "max", lambda places: places.max(axis=(1, 2))),
        ("resnet", "average", lambda places: places.mean(axis=(1, 2))),
    ],
)
def test_cached_features_are_the_networks_own(tmp_path: Path, family: str, pooling: str, own: Any) -> None:
    keras_hub = pytest.importorskip("keras_hub")
    network, name = _family(family)
    converter = getattr(keras_hub.layers, name)(image_size=(PX, PX), scale=1 / 127.5, offset=-1.0)
    network.save_to_preset(str(tmp_path / "preset"))
    converter.save_to_preset(str(tmp_path / "preset"))
    rng, photo = np.random.default_rng(0), tmp_path / "a.png"
    Image.fromarray(rng.integers(0, 256, (PX, PX, 3), dtype=np.uint8)).save(photo)
    backbone = f"hub:{tmp_path / 'preset'}" + ("" if pooling == "average" else f"@{pooling}")

    digest = hashlib.sha256(photo.read_bytes()).hexdigest()[:32]
    found = extract([photo], [digest], backbone, "none", tmp_path / "cache").open()
    seen = np.asarray(converter(decode(photo, PX)[None].astype(np.float32)))
    sees = getattr(network, "vision_encoder", network)
    inputs = sees.input
    given = {next(iter(inputs)): seen} if isinstance(inputs, dict) else seen
    assert np.allclose(found, own(np.asarray(sees(given))), atol=1e-5)
