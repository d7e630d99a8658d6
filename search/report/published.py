"""Numbers that the report of 2021 published, and those of others that they are compared with.

All of the report's numbers come from one run each, on the validation part that also chose the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from search.space.stages import STAGES
from trainables.trial import TrialConfig


@dataclass(frozen=True, kw_only=True)
class LastEpoch:
    """The figures of a run's last epoch; None where they were not published."""

    accuracy: float
    val_accuracy: float
    loss: float | None = None
    val_loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedProtocol:
    """Protocol of the report: how it came to its numbers."""

    data: str
    images: int
    split: str
    validation_share: float
    weights: str
    backbone: str  # that was tuned
    epochs: int
    seed: int
    runs: int  # of each configuration
    selected_on: str


@dataclass(frozen=True, kw_only=True)
class FoldAccuracy:
    """An accuracy on Adience's five subject-exclusive folds, in percent from `low` to `high`.

    Of ages it is that of the exact group; `one_off` is the share at most one group away, and its deviation.
    """

    network: str
    low: float
    high: float
    note: str
    source: str
    spread: float | None = None
    one_off: tuple[float, float] | None = None


PROTOCOL = PublishedProtocol(
    data="Adience, aligned, frontal",
    images=12_194,
    split="random",
    validation_share=0.2,
    weights="imagenet",
    backbone="resnet50_v2",
    epochs=20,
    seed=7,
    runs=1,
    selected_on="the 20 % that are reported",
)

PUBLISHED_BACKBONES: Mapping[str, LastEpoch] = {
    "hassner": LastEpoch(accuracy=0.9828, val_accuracy=0.8798, loss=0.0486, val_loss=0.3408),
    "inception_v3": LastEpoch(accuracy=0.9905, val_accuracy=0.8765, loss=0.0248, val_loss=0.3289),
    "resnet50_v2": LastEpoch(accuracy=0.9932, val_accuracy=0.8917, loss=0.0198, val_loss=0.3123),
}

MEANS: Mapping[str, Mapping[Any, float]] = {
    "batch_size": {1: 0.5179, 4: 0.8580, 8: 0.8805, 16: 0.8874, 32: 0.8903, 64: 0.8892},
    "lr": {0.1: 0.7820, 0.001: 0.8928, 0.0003: 0.8924, 0.00001: 0.8573},
    "neurons": {
        (256, 128, 64): 0.8916,
        (512, 256, 128): 0.8921,
        (1024, 512, 256): 0.8924,
        (512, 512, 512): 0.8903,
    },
    "dropout": {0.0: 0.8915, 0.1: 0.8905, 0.2: 0.8934, 0.3: 0.8886, 0.4: 0.8944, 0.5: 0.8973},
}
"""By stage and value: the mean over the epochs of the validation accuracy of ResNet50V2."""

CHOSEN: Mapping[str, Any] = {
    "backbone": "resnet50_v2",
    "batch_size": 32,
    "lr": 0.001,
    "neurons": (1024, 512, 256),
    "dropout": 0.5,
}
"""By stage: the value that the report took over into the next one."""

PUBLISHED_UNTUNED = LastEpoch(accuracy=0.9932, val_accuracy=0.8917)
PUBLISHED_TUNED = LastEpoch(accuracy=0.9607, val_accuracy=0.9061)
PUBLISHED_PRETRAINED = LastEpoch(accuracy=0.9977, val_accuracy=0.9180)  # tuned, and pretrained on CelebA

_NETWORK, _HASSNER, _LAPUSCHKIN = "Levi & Hassner's network", "Levi & Hassner 2015", "Lapuschkin et al. 2017"
FOLD_ACCURACIES: tuple[FoldAccuracy, ...] = (
    FoldAccuracy(network=_NETWORK, low=85.9, high=85.9, note="single crop", source=_HASSNER),
    FoldAccuracy(network=_NETWORK, low=86.8, high=86.8, spread=1.4, note="over-sampled", source=_HASSNER),
    FoldAccuracy(network=_NETWORK, low=88.1, high=89.0, note="trained again", source=_LAPUSCHKIN),
    FoldAccuracy(network="GoogLeNet", low=91.2, high=92.0, note="fine-tuned", source=_LAPUSCHKIN),
    FoldAccuracy(network="VGG-16", low=92.0, high=92.7, note="fine-tuned", source=_LAPUSCHKIN),
    FoldAccuracy(network="MiVOLO-D1", low=96.51, high=96.51, note="trained elsewhere", source="MiVOLO"),
    FoldAccuracy(
        network="InceptionV3",
        low=93.55,
        high=93.55,
        note="pretrained on CelebA, fine-tuned; the epoch was chosen on the test fold",
        source="a public course repository",
    ),
)

AGE_ACCURACIES: tuple[FoldAccuracy, ...] = (
    FoldAccuracy(
        network=_NETWORK,
        low=50.7,
        high=50.7,
        spread=5.1,
        one_off=(84.7, 2.2),
        note="over-sampled",
        source=_HASSNER,
    ),
    FoldAccuracy(
        network="ArcFace, frozen, with a dense head",
        low=60.86,
        high=60.86,
        spread=2.83,
        note="the best of five, seen on the test folds",
        source="arXiv 2108.08186",
    ),
    FoldAccuracy(network="MiVOLO-V2", low=69.43, high=69.43, note="trained elsewhere", source="MiVOLO"),
)


def published_mean(stage: str, value: Any) -> float | None:
    """Returns the published mean validation accuracy of `value` in `stage`, None where there is none."""
    # JSON knows no tuples: a value that was read from a study is a list, which no mapping takes as a key
    return MEANS.get(stage, {}).get(tuple(value) if isinstance(value, list) else value)


def published_base(stage: str) -> TrialConfig:
    """Returns the configuration that the report varied in `stage`."""
    return TrialConfig(batch_size=64) if stage == "backbone" else TrialConfig()  # 64 in that stage only


def published_means(config: TrialConfig) -> dict[str, float]:
    """Returns by stage what was published for `config`, whatever its seed and epochs; mostly nothing."""
    alike = replace(config, seed=PROTOCOL.seed, epochs=PROTOCOL.epochs)
    return {
        stage: mean
        for stage, means in MEANS.items()
        for value, mean in means.items()
        if replace(TrialConfig(), **{STAGES[stage].hyperparameter: value}) == alike
    }
