"""The stages: their grids are the report's to the value, and each hands its winner to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from search.space.labels import show_value
from search.space.stages import STAGES
from search.strategies.plans import base_of
from search.study.stage_results import StageResult
from tests.search.makers import make_joint_result, make_stage_result
from trainables.trial import TrialConfig


@pytest.mark.parametrize(
    ("stage", "hyperparameter", "values"),
    [
        ("backbone", "backbone", ("hassner", "inception_v3", "resnet50_v2")),
        ("batch_size", "batch_size", (1, 4, 8, 16, 32, 64)),
        ("lr", "learning_rate", (0.1, 0.001, 0.0003, 0.00001)),
        ("neurons", "hidden_units", ((256, 128, 64), (512, 256, 128), (1024, 512, 256), (512, 512, 512))),
        ("dropout", "dropout", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        ("l2", "l2", (0.0, 1e-5, 1e-4, 1e-3, 1e-2)),
        ("schedule", "learning_rate_schedule", ("constant", "cosine", "step", "reduce_on_plateau")),
    ],
)
def test_stage_grid(stage: str, hyperparameter: str, values: tuple[Any, ...]) -> None:
    assert (STAGES[stage].hyperparameter, STAGES[stage].values) == (hyperparameter, values)


def test_stages_stand_in_the_order_of_the_report() -> None:
    assert list(STAGES) == ["backbone", "batch_size", "lr", "neurons", "dropout", "l2", "schedule"]


def test_only_the_backbone_stage_fixes_a_value() -> None:
    assert {name: dict(stage.fixed) for name, stage in STAGES.items() if stage.fixed} == {
        "backbone": {"batch_size": 64}
    }


@pytest.mark.parametrize("name", [name for name in STAGES if name != "backbone"])
def test_configs_differ_in_the_one_hyperparameter(name: str) -> None:
    stage, base = STAGES[name], TrialConfig(epochs=3, seed=11)
    for value, config in zip(stage.values, stage.configs(base), strict=True):
        assert config.to_dict() == {
            **base.to_dict(),
            stage.hyperparameter: list(value) if isinstance(value, tuple) else value,
        }


@pytest.mark.parametrize(
    ("base", "hassner"),
    [
        ({}, ((512, 512), 0.5)),
        ({"hidden_units": (64, 32)}, ((64, 32), 0.5)),
        ({"dropout": 0.2}, ((512, 512), 0.2)),
        ({"backbone": "hassner", "hidden_units": (512, 512), "dropout": 0.5}, ((512, 512), 0.5)),
    ],
    ids=["untuned", "chosen widths stay", "chosen dropout stays", "hassner's own base"],
)
def test_backbone_stage_gives_each_its_untuned_head(base: dict[str, Any], hassner: tuple[Any, ...]) -> None:
    configs = STAGES["backbone"].configs(TrialConfig(**base))
    assert [config.backbone for config in configs] == ["hassner", "inception_v3", "resnet50_v2"]
    assert (configs[0].hidden_units, configs[0].dropout) == hassner


def test_backbone_stage_from_hassner_gives_the_others_their_head() -> None:
    base, _ = base_of([], {"backbone": "hassner"}, {})
    assert {(config.hidden_units, config.dropout) for config in STAGES["backbone"].configs(base)[1:]} == {
        ((1024, 512, 256), 0.0)
    }


def won(stage: str, **winner: Any) -> StageResult:
    hyperparameter = STAGES[stage].hyperparameter
    return make_stage_result(stage, hyperparameter, winner=TrialConfig(**winner))


@pytest.mark.parametrize(
    ("before", "given", "fixed", "batch_size", "origin"),
    [
        ([], {}, {}, 32, "default"),
        ([], {}, {"batch_size": 64}, 64, "the report's for this stage"),
        ([won("batch_size", batch_size=16)], {}, {"batch_size": 64}, 16, "stage batch_size"),
        ([won("batch_size", batch_size=16)], {"batch_size": 8}, {"batch_size": 64}, 8, "given"),
        ([won("lr", batch_size=16)], {}, {}, 32, "default"),
        ([won("batch_size", batch_size=4), won("batch_size", batch_size=8)], {}, {}, 8, "stage batch_size"),
    ],
    ids=["untuned", "fixed", "winner over fixed", "given over winner", "only the stage's own", "the latest"],
)
def test_base_takes_a_value_from(
    before: list[StageResult], given: dict[str, Any], fixed: dict[str, Any], batch_size: int, origin: str
) -> None:
    base, origins = base_of(before, given, fixed)
    assert (base.batch_size, origins["batch_size"]) == (batch_size, origin)


def test_base_without_anything_is_the_report() -> None:
    base, origins = base_of([], {}, {})
    assert base == TrialConfig()
    assert origins == dict.fromkeys(base.to_dict(), "default")


def test_base_has_the_statistics_of_its_data_unless_others_are_given() -> None:
    assert base_of([], {}, {}, "exact")[0].bn_statistics == "exact"
    assert base_of([], {"bn_statistics": "momentum"}, {}, "exact")[0] == TrialConfig()


@pytest.mark.parametrize(
    ("given", "head"),
    [
        ({"backbone": "hassner"}, ((512, 512), 0.5)),
        ({"backbone": "hassner", "dropout": 0.1}, ((512, 512), 0.1)),
        ({"backbone": "keras:MobileNetV2"}, ((1024, 512, 256), 0.0)),
    ],
)
def test_base_is_untuned_for_its_backbone(given: dict[str, Any], head: tuple[Any, ...]) -> None:
    base, origins = base_of([], given, {})
    assert (base.hidden_units, base.dropout) == head
    assert origins["hidden_units"] == "default"


def test_base_follows_the_winning_backbone() -> None:
    before = won("backbone", backbone="hassner", hidden_units=(512, 512), dropout=0.5)
    base, origins = base_of([before], {}, {})
    assert (base.backbone, base.hidden_units, base.dropout) == ("hassner", (512, 512), 0.5)
    assert (origins["backbone"], origins["dropout"]) == ("stage backbone", "default")


def test_base_leaves_out_a_stage_without_winner_and_a_joint_search() -> None:
    before = [
        make_stage_result("lr", winner=None, entries=()),
        make_joint_result(winner=TrialConfig(learning_rate=0.1)),
    ]
    assert base_of(before, {}, {})[0] == TrialConfig()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ((512, 256, 128), "512/256/128"),
        ([64], "64"),
        (0.0003, "0.0003"),
        (1e-5, "1e-05"),
        (0.0, "0"),
        (0.1, "0.1"),
        (32, "32"),
        ("cosine", "cosine"),
    ],
)
def test_show_value(value: Any, shown: str) -> None:
    assert show_value(value) == shown


def test_backbone_that_the_report_does_not_have_gets_the_head_of_frozen_ones() -> None:
    stage = replace(STAGES["backbone"], values=("hassner", "keras:MobileNetV2"))
    hassner, other = stage.configs(TrialConfig())
    assert (hassner.hidden_units, other.hidden_units) == ((512, 512), (1024, 512, 256))
