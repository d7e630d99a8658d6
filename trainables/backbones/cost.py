"""Cost of backbones: their weights, and the arithmetic of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainables.backbones.table import Backbone, find_backbone


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of a frozen backbone: `weights` in millions, `gflop` an image at the input size it reads.

    A product and the sum that takes it are 2 operations; those of activations, normalisation and pooling
    are not counted.
    """

    weights: float
    gflop: float


def known_cost(backbone: Backbone) -> Cost | None:
    """Returns the cost of a backbone, of several side by side their sum; None where it is not in KNOWN."""
    if backbone.parts:
        parts = [known_cost(part) for part in backbone.parts]
        known = [part for part in parts if part]
        if len(known) < len(parts):
            return None
        return Cost(weights=sum(part.weights for part in known), gflop=sum(part.gflop for part in known))
    found = KNOWN.get(backbone.application or backbone.name)
    if found is None:
        return None
    usual = find_backbone(backbone.name.partition("@")[0]).input_px
    # convolutions do the same work at each place, and places grow with the square of the side
    return Cost(weights=found[0], gflop=found[1] * (backbone.input_px / usual) ** 2)


# millions of weights and GFLOP an image at the usual input size, by the name in keras.applications, without
# the top: counted in Keras' graphs, layer by layer, every number of a kernel at every place of its output
KNOWN: Mapping[str, tuple[float, float]] = {
    "ConvNeXtBase": (87.6, 30.7),
    "ConvNeXtLarge": (196, 68.7),
    "ConvNeXtSmall": (49.5, 17.4),
    "ConvNeXtTiny": (27.8, 8.91),
    "ConvNeXtXLarge": (348, 122),
    "DenseNet121": (7.04, 5.67),
    "DenseNet169": (12.6, 6.72),
    "DenseNet201": (18.3, 8.58),
    "EfficientNetB0": (4.05, 0.769),
    "EfficientNetB1": (6.58, 1.37),
    "EfficientNetB2": (7.77, 1.98),
    "EfficientNetB3": (10.8, 3.65),
    "EfficientNetB4": (17.7, 8.78),
    "EfficientNetB5": (28.5, 20.5),
    "EfficientNetB6": (41, 38.1),
    "EfficientNetB7": (64.1, 75.5),
    "EfficientNetV2B0": (5.92, 1.43),
    "EfficientNetV2B1": (6.93, 2.39),
    "EfficientNetV2B2": (8.77, 3.39),
    "EfficientNetV2B3": (12.9, 6.02),
    "EfficientNetV2L": (118, 112),
    "EfficientNetV2M": (53.2, 49.2),
    "EfficientNetV2S": (20.3, 16.7),
    "InceptionResNetV2": (54.3, 26.3),
    "InceptionV3": (21.8, 11.4),
    "MobileNet": (3.23, 1.14),
    "MobileNetV2": (2.26, 0.599),
    "MobileNetV3Large": (3, 0.428),
    "MobileNetV3Small": (0.939, 0.11),
    "NASNetLarge": (84.9, 47.6),
    "NASNetMobile": (4.27, 1.13),
    "ResNet101": (42.7, 15.1),
    "ResNet101V2": (42.6, 14.4),
    "ResNet152": (58.4, 22.6),
    "ResNet152V2": (58.3, 21.8),
    "ResNet50": (23.6, 7.71),
    "ResNet50V2": (23.6, 6.96),
    "VGG16": (14.7, 30.7),
    "VGG19": (20, 39),
    "Xception": (20.9, 16.7),
}
