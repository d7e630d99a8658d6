"""The published numbers, each against a second copy of the report's tables."""

from __future__ import annotations

from typing import Any

import pytest

from search.report import published
from search.report.published import published_base, published_mean, published_means
from search.space.stages import STAGES
from trainables.trial import TrialConfig


@pytest.mark.parametrize(
    ("backbone", "accuracy", "val_accuracy", "loss", "val_loss"),
    [
        ("hassner", 0.9828, 0.8798, 0.0486, 0.3408),
        ("inception_v3", 0.9905, 0.8765, 0.0248, 0.3289),
        ("resnet50_v2", 0.9932, 0.8917, 0.0198, 0.3123),
    ],
)
def test_backbone_row(
    backbone: str, accuracy: float, val_accuracy: float, loss: float, val_loss: float
) -> None:
    row = published.PUBLISHED_BACKBONES[backbone]
    assert (row.accuracy, row.val_accuracy, row.loss, row.val_loss) == (
        accuracy,
        val_accuracy,
        loss,
        val_loss,
    )


STAGED = [
    ("batch_size", 1, 0.5179),
    ("batch_size", 4, 0.8580),
    ("batch_size", 8, 0.8805),
    ("batch_size", 16, 0.8874),
    ("batch_size", 32, 0.8903),
    ("batch_size", 64, 0.8892),
    ("lr", 0.1, 0.7820),
    ("lr", 0.001, 0.8928),
    ("lr", 0.0003, 0.8924),
    ("lr", 0.00001, 0.8573),
    ("neurons", (256, 128, 64), 0.8916),
    ("neurons", (512, 256, 128), 0.8921),
    ("neurons", (1024, 512, 256), 0.8924),
    ("neurons", (512, 512, 512), 0.8903),
    ("dropout", 0, 0.8915),
    ("dropout", 0.1, 0.8905),
    ("dropout", 0.2, 0.8934),
    ("dropout", 0.3, 0.8886),
    ("dropout", 0.4, 0.8944),
    ("dropout", 0.5, 0.8973),
]


@pytest.mark.parametrize(("stage", "value", "mean"), STAGED)
def test_published_mean_of_each_row(stage: str, value: Any, mean: float) -> None:
    assert published_mean(stage, value) == mean


def test_published_mean_has_no_other_rows() -> None:
    assert sum(len(means) for means in published.MEANS.values()) == len(STAGED)


@pytest.mark.parametrize("stage", ["batch_size", "lr", "neurons", "dropout"])
def test_published_values_are_the_values_of_the_stage(stage: str) -> None:
    assert tuple(published.MEANS[stage]) == STAGES[stage].values


@pytest.mark.parametrize(
    ("stage", "value"), [("l2", 0.0), ("schedule", "cosine"), ("batch_size", 2), ("backbone", "resnet50_v2")]
)
def test_published_mean_is_none_where_nothing_was_published(stage: str, value: Any) -> None:
    assert published_mean(stage, value) is None


@pytest.mark.parametrize(
    ("stage", "value"),
    [
        ("backbone", "resnet50_v2"),
        ("batch_size", 32),
        ("lr", 0.001),
        ("neurons", (1024, 512, 256)),
        ("dropout", 0.5),
    ],
)
def test_chosen_value(stage: str, value: Any) -> None:
    assert published.CHOSEN[stage] == value


@pytest.mark.parametrize(
    ("row", "accuracy", "val_accuracy"),
    [
        (published.PUBLISHED_UNTUNED, 0.9932, 0.8917),
        (published.PUBLISHED_TUNED, 0.9607, 0.9061),
        (published.PUBLISHED_PRETRAINED, 0.9977, 0.9180),
    ],
)
def test_final_row(row: published.LastEpoch, accuracy: float, val_accuracy: float) -> None:
    assert (row.accuracy, row.val_accuracy) == (accuracy, val_accuracy)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("images", 12_194),
        ("split", "random"),
        ("validation_share", 0.2),
        ("weights", "imagenet"),
        ("backbone", "resnet50_v2"),
        ("epochs", 20),
        ("seed", 7),
        ("runs", 1),
    ],
)
def test_protocol(fact: str, value: object) -> None:
    assert getattr(published.PROTOCOL, fact) == value


@pytest.mark.parametrize(
    ("number", "network", "low", "high", "spread", "source"),
    [
        (0, "Levi & Hassner's network", 85.9, 85.9, None, "Levi & Hassner 2015"),
        (1, "Levi & Hassner's network", 86.8, 86.8, 1.4, "Levi & Hassner 2015"),
        (2, "Levi & Hassner's network", 88.1, 89.0, None, "Lapuschkin et al. 2017"),
        (3, "GoogLeNet", 91.2, 92.0, None, "Lapuschkin et al. 2017"),
        (4, "VGG-16", 92.0, 92.7, None, "Lapuschkin et al. 2017"),
        (5, "MiVOLO-D1", 96.51, 96.51, None, "MiVOLO"),
        (6, "InceptionV3", 93.55, 93.55, None, "a public course repository"),
    ],
)
def test_fold_accuracy(
    number: int, network: str, low: float, high: float, spread: float | None, source: str
) -> None:
    row = published.FOLD_ACCURACIES[number]
    assert (row.network, row.low, row.high, row.spread, row.source) == (network, low, high, spread, source)


def test_published_means_finds_the_configuration_that_four_stages_share() -> None:
    assert published_means(TrialConfig(seed=9, epochs=3)) == {
        "batch_size": 0.8903,
        "lr": 0.8928,
        "neurons": 0.8924,
        "dropout": 0.8915,
    }


def test_published_means_finds_nothing_for_a_configuration_that_no_stage_had() -> None:
    assert published_means(TrialConfig(batch_size=16, dropout=0.5)) == {}


def test_published_base_is_the_untuned_batch_size_for_backbones_only() -> None:
    assert published_base("backbone").batch_size == 64
    assert published_base("dropout").batch_size == 32
