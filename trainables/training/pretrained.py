"""A pretrained backbone as a part of a network that trains on images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from keras import layers

from trainables.backbones.blocks import unfreeze
from trainables.backbones.table import Backbone, find_backbone
from trainables.backbones.weights import build_backbone, preprocess


@dataclass(frozen=True)
class Body:
    """A pretrained backbone below a head; `weights` as for `build_backbone`, the rest as in TrialConfig."""

    backbone: str
    weights: str
    unfrozen_blocks: int | str
    train_batchnorm: bool


def body_layers(body: Body, px: int) -> list[layers.Layer]:
    """Returns layers that turn images `(batch, px, px, 3)` in 0..255 into features `(batch, d)`.

    The last one is the backbone, as trainable as `body` says. Raises InputError as `build_backbone` and
    `unfreeze` do.
    """
    backbone = replace(find_backbone(body.backbone), input_px=px)
    model = build_backbone(backbone, body.weights)
    unfreeze(model, body.unfrozen_blocks, train_batchnorm=body.train_batchnorm)
    return [*preprocessing_layers(backbone), model]


def preprocessing_layers(backbone: Backbone) -> list[layers.Layer]:
    """Returns the backbone's `preprocess_input` as layers of Keras' own, for images `(batch, px, px, 3)`.

    Each of those functions maps a pixel's colour linearly, so its values at black, red, green and blue tell
    all of it. No layer where it leaves the pixels as they are.
    """
    corners = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype(np.float32)
    # images of a single pixel
    seen = np.asarray(preprocess(backbone, corners[:, None, None]), np.float64)[:, 0, 0]
    offset, slopes = seen[0], (seen[1:] - seen[0]) / 255
    scale = np.diag(slopes)
    if np.array_equal(slopes, np.eye(3)) and not offset.any():
        return []
    if np.array_equal(slopes, np.diag(scale)):
        return [layers.Rescaling(scale.tolist(), offset.tolist(), dtype="float32", name="preprocessing")]
    colours = layers.Dense(3, trainable=False, dtype="float32", name="preprocessing")
    colours.build((None, None, None, 3))
    colours.set_weights([slopes, offset])  # another order of the channels
    return [colours]
