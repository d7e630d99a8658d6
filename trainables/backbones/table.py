"""The table of backbones: those of the report, and every model of `keras.applications`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from data_prep.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One row of the table: a network below the head, and what it reads.

    `input_px` is the side of its square input; `features` the length of what a frozen one gives, None
    where it is not known before building or the network learns from pixels. `application` and `module`
    name the model in `keras.applications`, and are empty for a network of our own. `reading` is how the
    squares that it reads are made of pictures, where not in the usual way (`trainables.features.images`).
    """

    name: str
    input_px: int
    frozen: bool = True
    features: int | None = None
    hidden_units: tuple[int, ...] = (1024, 512, 256)
    application: str = ""
    module: str = ""
    reading: str = ""

    @property
    def preprocessing(self) -> str:
        """The name of the function that scales its pixels; empty where the network itself does."""
        return f"keras.applications.{self.module}.preprocess_input" if self.module else ""


BACKBONES = (
    Backbone(name="hassner", input_px=227, frozen=False, hidden_units=(512, 512)),
    Backbone(
        name="inception_v3", input_px=299, features=2048, application="InceptionV3", module="inception_v3"
    ),
    Backbone(name="resnet50_v2", input_px=224, features=2048, application="ResNet50V2", module="resnet_v2"),
)

# keras.applications of Keras 3.15: module and default input size in pixels; as a table, because a name is
# checked without the import of Keras
APPLICATIONS = {
    "ConvNeXtBase": ("convnext", 224),
    "ConvNeXtLarge": ("convnext", 224),
    "ConvNeXtSmall": ("convnext", 224),
    "ConvNeXtTiny": ("convnext", 224),
    "ConvNeXtXLarge": ("convnext", 224),
    "DenseNet121": ("densenet", 224),
    "DenseNet169": ("densenet", 224),
    "DenseNet201": ("densenet", 224),
    "EfficientNetB0": ("efficientnet", 224),
    "EfficientNetB1": ("efficientnet", 240),
    "EfficientNetB2": ("efficientnet", 260),
    "EfficientNetB3": ("efficientnet", 300),
    "EfficientNetB4": ("efficientnet", 380),
    "EfficientNetB5": ("efficientnet", 456),
    "EfficientNetB6": ("efficientnet", 528),
    "EfficientNetB7": ("efficientnet", 600),
    "EfficientNetV2B0": ("efficientnet_v2", 224),
    "EfficientNetV2B1": ("efficientnet_v2", 240),
    "EfficientNetV2B2": ("efficientnet_v2", 260),
    "EfficientNetV2B3": ("efficientnet_v2", 300),
    "EfficientNetV2L": ("efficientnet_v2", 480),
    "EfficientNetV2M": ("efficientnet_v2", 480),
    "EfficientNetV2S": ("efficientnet_v2", 384),
    "InceptionResNetV2": ("inception_resnet_v2", 299),
    "InceptionV3": ("inception_v3", 299),
    "MobileNet": ("mobilenet", 224),
    "MobileNetV2": ("mobilenet_v2", 224),
    "MobileNetV3Large": ("mobilenet_v3", 224),
    "MobileNetV3Small": ("mobilenet_v3", 224),
    "NASNetLarge": ("nasnet", 331),
    "NASNetMobile": ("nasnet", 224),
    "ResNet101": ("resnet", 224),
    "ResNet101V2": ("resnet_v2", 224),
    "ResNet152": ("resnet", 224),
    "ResNet152V2": ("resnet_v2", 224),
    "ResNet50": ("resnet", 224),
    "ResNet50V2": ("resnet_v2", 224),
    "VGG16": ("vgg16", 224),
    "VGG19": ("vgg19", 224),
    "Xception": ("xception", 299),
}


def find_backbone(name: str) -> Backbone:
    """Returns the backbone called `name`: one of the table, or `keras:<Name>` of `keras.applications`.

    Raises InputError, with near matches, for any other name.
    """
    table = {backbone.name: backbone for backbone in BACKBONES}
    if name in table:
        return table[name]
    application = name.removeprefix("keras:")
    if name != application and application in APPLICATIONS:
        module, input_px = APPLICATIONS[application]
        return Backbone(name=name, input_px=input_px, application=application, module=module)
    known = [*table, *(f"keras:{known}" for known in APPLICATIONS)]
    near = difflib.get_close_matches(name, known)
    # a forgotten prefix; with it all names are alike by six letters, so that a match must be closer
    near = near or difflib.get_close_matches(f"keras:{name}", known, cutoff=0.8)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise InputError(
        f"a backbone is one of {', '.join(table)} or keras:<Name> of keras.applications, "
        f"received {name!r}{hint}"
    )
