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


def test_folder_that_is_no_preset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a preset of images has a config\.json, .* has none; name another"):
        find_backbone(f"hub:{tmp_path}")


def _family(name: str) -> tuple[Any, str]:
    """Returns a small network of that family with random weights, and the name of its converter."""
    import keras_hub

    models = keras_hub.models
    if name == "vit":
        sizes = {"patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 16}
        return models.ViTBackbone(image_shape=(PX, PX, 3), **sizes), "ViTImageConverter"
    if name == "dinov2":
        sizes = {"patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 16}
        shapes = {"image_shape": (PX, PX, 3), "position_embedding_shape": (PX, PX, 3)}
        return models.DINOV2Backbone(num_register_tokens=2, **sizes, **shapes), "DINOV2ImageConverter"
    stacks = {"stackwise_num_filters": [64], "stackwise_num_blocks": [1], "stackwise_num_strides": [1]}
    return (
        models.ResNetBackbone([64], [3], block_type="basic_block", image_shape=(None, None, 3), **stacks),
        "ResNetImageConverter",
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
    inputs = network.input
    given = {next(iter(inputs)): seen} if isinstance(inputs, dict) else seen
    assert np.allclose(found, own(np.asarray(network(given))), atol=1e-5)
