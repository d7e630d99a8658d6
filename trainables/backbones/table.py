"""The table of backbones: those of the report, and every model of `keras.applications`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep.errors import InputError
from trainables.backbones.hub import input_px_of, pools_itself, preset_digest, special_tokens
from trainables.hyperparameters import AVERAGE, CLASS_TOKEN, POOLINGS
from trainables.trial import IMAGE_NETWORK, OWN_NETWORK


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One row of the table: a network below the head, and what it reads.

    `input_px` is the side of its square input; `features` the length of what a frozen one gives, None
    where it is not known before building or the network learns from pixels. `application` and `module`
    name the model in `keras.applications`, and are empty for a network of our own. `reading` is how the
    squares that it reads are made of pictures, where not in the usual way (`trainables.features.images`).
    `pooling` is how features of all places become one row. `parts` are the backbones whose features lie side
    by side in its own. `preset` is one of keras_hub (`trainables.backbones.hub`).
    """

    name: str
    input_px: int
    frozen: bool = True
    features: int | None = None
    hidden_units: tuple[int, ...] = (1024, 512, 256)
    application: str = ""
    module: str = ""
    reading: str = ""
    pooling: str = AVERAGE
    parts: tuple[Backbone, ...] = ()
    preset: str = ""

    @property
    def each(self) -> tuple[Backbone, ...]:
        """The backbones whose features it gives: itself, or its parts."""
        return self.parts or (self,)

    @property
    def preprocessing(self) -> str:
        """The name of what scales its pixels; empty where the network itself does."""
        if self.preset:
            return "the preset's own"
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


HUB = "hub:"  # hub:dinov2_base or hub:my/folder
SIDE_BY_SIDE, TRAIT = "+", "@"  # keras:MobileNetV2@160+keras:ConvNeXtTiny
# the smallest side of the input, by module; nasnet takes one size only
SMALLEST_PX = {"inception_v3": 75, "inception_resnet_v2": 75, "xception": 71, "nasnet": None}


def names_in(name: str) -> tuple[str, ...]:
    """Returns the names of the backbones in `name`: one, or several that lie side by side."""
    return tuple(name.split(SIDE_BY_SIDE))


def find_backbone(name: str) -> Backbone:
    """Returns the backbone called `name`: one of the table, or `keras:<Name>` of `keras.applications`.

    Behind @ stand the side of its input in pixels and its pooling, where they are not the usual ones. Names
    with + between them are several whose features lie side by side. Raises InputError, with near matches, for
    any other name, and for what a backbone does not allow.
    """
    if SIDE_BY_SIDE in name:
        return _joined([find_backbone(part) for part in names_in(name)])
    plain, *traits = name.split(TRAIT)
    backbone = _plain_backbone(plain)
    for trait in traits:
        backbone = _pooled(backbone, trait) if trait in POOLINGS else _sized(backbone, trait)
    return replace(backbone, name=TRAIT.join((backbone.name, *traits)))


def backbones_in(text: str) -> list[Backbone]:
    """Returns the backbones that commas separate in `text`; raises InputError as `find_backbone` does."""
    return [find_backbone(name.strip()) for name in text.split(",")]


def names_of(text: str) -> str:
    """Returns the names of the backbones in `text`, each as it is the same in every folder."""
    return ",".join(backbone.name for backbone in backbones_in(text))


def with_traits(name: str, *, input_px: int, pooling: str) -> str:
    """Returns the name of a backbone with the side of its input (0: its own) and its pooling."""
    traits = [str(input_px)] * (input_px > 0) + [pooling] * (pooling != AVERAGE)
    return SIDE_BY_SIDE.join(TRAIT.join((each, *traits)) for each in names_in(name))


def require_one_size(backbone: Backbone) -> None:
    """Raises InputError where backbones side by side read images of several sizes: their model reads one."""
    sizes = {part.name: part.input_px for part in backbone.parts}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {px} pixels" for name, px in sizes.items())
        raise InputError(
            f"backbones side by side read images of one size, received {told}; "
            "give all of them one with --input-px"
        )


def require_one_of_keras(backbone: Backbone) -> None:
    """Raises InputError where no blocks can be unfrozen: only those of one of keras.applications can."""
    if backbone.parts or backbone.preset:
        raise InputError(
            f"blocks are unfrozen of one backbone of keras.applications, received {backbone.name}; "
            "name such a one, or leave the blocks frozen"
        )


def _plain_backbone(name: str) -> Backbone:
    if name.startswith(HUB):
        return _hub_backbone(name.removeprefix(HUB))
    if name == OWN_NETWORK:
        return Backbone(name=name, input_px=224, frozen=False)
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


def _hub_backbone(preset: str) -> Backbone:
    """Returns the backbone of keras_hub; a folder has its whole path, as workers stand in other folders."""
    name = str(Path(preset).absolute()) if Path(preset).is_dir() else preset
    return Backbone(
        name=f"{HUB}{name}",
        input_px=input_px_of(name),
        # a part of the cache's key: by digest a preset that was moved keeps its features
        application=f"keras_hub {preset_digest(name)}",
        preset=name,
    )


def _sized(backbone: Backbone, side: str) -> Backbone:
    if backbone.preset:
        raise InputError(
            f"{backbone.name} reads images of {backbone.input_px} pixels only, received {side}; "
            "leave out the input size, or name another backbone"
        )
    # 32 is the least of nearly all
    smallest = SMALLEST_PX.get(backbone.module, 32) if backbone.name != IMAGE_NETWORK else None
    if smallest is None:
        raise InputError(
            f"{backbone.name} reads images of {backbone.input_px} pixels only, received {side}; "
            "leave out the input size, or name another backbone"
        )
    if not side.isdecimal() or int(side) < smallest:
        raise InputError(f"the input of {backbone.name} has a side from {smallest} pixels, received {side!r}")
    return replace(backbone, input_px=int(side))


def _pooled(backbone: Backbone, pooling: str) -> Backbone:
    preset = backbone.preset
    has_token = bool(preset) and special_tokens(preset) > 0
    is_fixed = bool(preset) and pools_itself(preset)
    if not backbone.frozen or (pooling == CLASS_TOKEN and not has_token) or (pooling != AVERAGE and is_fixed):
        raise InputError(f"{backbone.name} has no pooling {pooling}; leave it out, or name another backbone")
    return replace(backbone, pooling=pooling)


def _joined(parts: list[Backbone]) -> Backbone:
    """Returns the backbone whose features are those of `parts`, one after the other."""
    names = [part.name for part in parts]
    name = SIDE_BY_SIDE.join(names)
    for part in parts:
        if not part.frozen:
            raise InputError(f"backbones side by side are frozen, {part.name} is not; leave it out of {name}")
    if len(set(names)) < len(names):
        raise InputError(f"backbones side by side are named once each, received {name!r}; leave one out")
    lengths = [part.features for part in parts]
    known = None if None in lengths else sum(length or 0 for length in lengths)
    return Backbone(
        name=name, input_px=max(part.input_px for part in parts), features=known, parts=tuple(parts)
    )
