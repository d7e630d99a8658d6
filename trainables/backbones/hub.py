"""Backbones of keras_hub: a preset's folder, or its name, becomes a frozen network, its preprocessing too.

What a preset is stands in its JSON files, which are read without Keras; only what builds imports keras_hub.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_prep.digests import DIGEST_LENGTH
from data_prep.errors import InputError, in_one_line, reason_of
from data_prep.storage.regular_files import read_text
from trainables.hyperparameters import AVERAGE, CLASS_TOKEN

if TYPE_CHECKING:
    import keras

CONFIG, CONVERTER, WEIGHTS = "config.json", "image_converter.json", "model.weights.h5"
# the tokens before those of patches, of which the first is the class token, by the class of a network
_SPECIAL_TOKENS: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    "ViTBackbone": lambda config: int(config["use_class_token"]),
    "DeiTBackbone": lambda config: 2,  # of the class, and of its distillation
    "DINOV2Backbone": lambda config: 1 + config["num_register_tokens"],
    "DINOV3Backbone": lambda config: 1 + config["num_register_tokens"],
    "CLIPBackbone": lambda config: 1,
}
_POOL_THEMSELVES = ("SigLIPBackbone",)  # by an attention that was trained with the network


@functools.cache
def preset_folder(preset: str) -> Path:
    """Returns the folder of a preset: itself, or where keras_hub keeps what it downloads.

    Raises InputError where it is no preset of images, and where it cannot be downloaded.
    """
    folder = Path(preset)
    if not folder.is_dir():
        folder = _downloaded(preset)
    for name in (CONFIG, CONVERTER, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"a preset of images has a {name}, {folder} has none; name another")
    return folder.absolute()


@functools.cache
def preset_digest(preset: str) -> str:
    """Returns 32 hexadecimal digits of the sha256 over the files that determine the preset's features."""
    digest = hashlib.sha256()
    for name in (CONFIG, CONVERTER, WEIGHTS):
        with (preset_folder(preset) / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:DIGEST_LENGTH]


def input_px_of(preset: str) -> int:
    """Returns the side of the images that the preset reads; raises InputError where they are not square."""
    size = _read(preset, CONVERTER)["config"]["image_size"]
    if not size or size[0] != size[1]:
        raise InputError(f"hub:{preset} reads images of {size}, which are not square; name another preset")
    return int(size[0])


def special_tokens(preset: str) -> int:
    """Returns how many tokens stand before those of patches, the class token first; 0 without one."""
    facts = _read(preset, CONFIG)
    known = _SPECIAL_TOKENS.get(facts["class_name"])
    return known(facts["config"]) if known else 0


def pools_itself(preset: str) -> bool:
    """Returns whether the preset's network gives one vector for an image, with nothing left to pool."""
    return _read(preset, CONFIG)["class_name"] in _POOL_THEMSELVES


def scaled(preset: str, images: Any) -> Any:
    """Returns float RGB images in 0..255, array or tensor, as the preset's own converter scales them."""
    config = _read(preset, CONVERTER)["config"]
    scale, offset = (config.get(name) for name in ("scale", "offset"))
    images = images if scale is None else images * np.asarray(scale, np.float32)
    return images if offset is None else images + np.asarray(offset, np.float32)


def build_preset(preset: str, pooling: str) -> keras.Model:
    """Returns the preset's network from scaled images `(batch, px, px, 3)` to features `(batch, d)`.

    Raises InputError where keras_hub is missing or cannot build it.
    """
    keras_hub = _keras_hub()
    import keras

    try:
        whole = keras_hub.models.Backbone.from_preset(str(preset_folder(preset)))
    except Exception as error:  # keras_hub raises what it meets in a folder
        raise InputError(f"the preset {preset} cannot be built ({in_one_line(error)})") from error
    network = getattr(whole, "vision_encoder", whole)  # of networks that read texts as well
    px = input_px_of(preset)
    images = keras.Input((px, px, 3))
    places = network(dict.fromkeys(network.input, images) if isinstance(network.input, dict) else images)
    return keras.Model(images, _pooled(places, pooling, special_tokens(preset)), name="hub_backbone")


def _pooled(places: Any, pooling: str, before: int) -> Any:
    """Returns what is kept of places `(batch, …, d)`; class and other special tokens are no places."""
    from keras import layers

    if len(places.shape) == 2:  # SigLIP's network has pooled already
        return places
    is_sequence = len(places.shape) == 3
    if pooling == CLASS_TOKEN:
        return places[:, 0]
    if is_sequence:
        kind = layers.GlobalAveragePooling1D if pooling == AVERAGE else layers.GlobalMaxPooling1D
        return kind()(places[:, before:])
    return (layers.GlobalAveragePooling2D if pooling == AVERAGE else layers.GlobalMaxPooling2D)()(places)


def _read(preset: str, name: str) -> Mapping[str, Any]:
    return _parsed(preset_folder(preset) / name)


@functools.cache
def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        return dict(json.loads(read_text(path)))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} of a preset cannot be read ({reason_of(error)})") from None


def _downloaded(preset: str) -> Path:
    _keras_hub()
    from keras_hub.src.utils.preset_utils import get_file

    try:
        return [Path(get_file(preset, name)) for name in (CONFIG, CONVERTER, WEIGHTS)][-1].parent
    except Exception as error:  # each hub has errors of its own
        raise InputError(
            f"{preset} is no folder of a preset, and could not be downloaded ({in_one_line(error)}); "
            "name a folder that is here"
        ) from error


def _keras_hub() -> Any:
    try:
        import keras_hub
    except ImportError as error:
        raise InputError(
            f"backbones of hub: need keras_hub ({error}); pip install '.[hub]' in the checkout brings it"
        ) from None
    return keras_hub
