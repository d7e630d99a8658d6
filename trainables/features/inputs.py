"""Rows of the cache that a configuration reads: features of a frozen backbone, or pixels of images."""

from __future__ import annotations

from dataclasses import replace

from trainables.backbones.table import Backbone, find_backbone, names_in, with_traits
from trainables.features.images import Reading
from trainables.trial import TrialConfig

CROP_MARGIN = 256 / 227  # Levi & Hassner 2015 cut their 227 pixels out of 256
_PIXELS, _READING = "pixels:", ", pictures: "


def backbone_read_by(config: TrialConfig) -> str:
    """Returns the name of the backbone below the head of `config`, with its input size and its pooling."""
    return with_traits(config.backbone, input_px=config.input_px, pooling=config.pooling)


def rows_read_by(config: TrialConfig) -> str:
    """Returns the name of the rows that `config` reads: its backbone's, or `pixels:<side>`.

    Images that are cropped at random are kept larger by CROP_MARGIN.
    """
    if not config.trains_on_images:
        return backbone_read_by(config)
    px = find_backbone(backbone_read_by(config)).input_px
    return f"{_PIXELS}{uncropped(px) if crops(config) else px}"


def rows_of_pictures(name: str, reading: Reading) -> str:
    """Returns the name of the rows called `name` that are made of pictures in another than the usual way."""
    return f"{name}{_READING}{reading.name}" if reading.name else name


def sides_of(name: str) -> tuple[str, ...]:
    """Returns the names of the rows that lie side by side in those called `name`; of most it is one.

    Each of them is made and kept by itself.
    """
    names, between, reading = name.partition(_READING)
    return tuple(f"{each}{between}{reading}" for each in names_in(names))


def find_rows(name: str) -> Backbone:
    """Returns the backbone that makes the rows called `name`; raises InputError for an unknown one."""
    name, _, reading = name.partition(_READING)
    if reading:
        return replace(find_rows(name), reading=reading)
    if name.startswith(_PIXELS):
        return Backbone(name=name, input_px=int(name.removeprefix(_PIXELS)), frozen=False)
    return find_backbone(name)


def crops(config: TrialConfig) -> bool:
    """Returns whether training cuts a part out of each image."""
    return config.augment == "crop_flip"


def uncropped(px: int) -> int:
    """Returns the side of the images out of which squares of `px` are cut."""
    return round(px * CROP_MARGIN)


def cropped(px: int) -> int:
    """Returns the side of the squares that are cut out of images of `px`."""
    return round(px / CROP_MARGIN)
