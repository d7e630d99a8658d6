"""What is trained on the way to the final model, and from whose weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from data_prep.errors import InputError
from search.finetune.plan import FinetunePlan
from search.study.setup import Problem
from trainables.trial import TrialConfig

MakePlan = Callable[..., FinetunePlan]


def test_columns_of_the_report(make_plan: MakePlan) -> None:
    columns = make_plan().head_columns()
    assert [column.name for column in columns] == ["untuned", "tuned", "pretrained"]
    assert [len(column.runs) for column in columns] == [2, 2, 2]
    assert {(run.split, run.config.seed) for column in columns for run in column.runs} == {
        ("random", 7),
        ("random", 8),
    }


def test_untuned_configuration_is_the_reports_for_the_winners_backbone(make_plan: MakePlan) -> None:
    run = make_plan().head_columns()[0].runs[0]
    assert run.config == TrialConfig(backbone="resnet50_v2", batch_size=64, epochs=2)
    hassner = replace(make_plan().winner, backbone="hassner", hidden_units=(512, 512))
    run = make_plan(winner=hassner).head_columns()[0].runs[0]
    assert (run.config.hidden_units, run.config.dropout) == ((512, 512), 0.5)


def test_pretrained_runs_start_from_the_pretraining_with_their_seed(make_plan: MakePlan) -> None:
    plan = make_plan()
    first = {run.config.seed: run.key for run in plan.pretraining_runs()}
    tuned, pretrained = plan.head_columns()[1:]
    assert [run.start for run in pretrained.runs] == [first[7], first[8]]
    assert [run.config for run in pretrained.runs] == [run.config for run in tuned.runs]
    assert {run.key for run in pretrained.runs}.isdisjoint(run.key for run in tuned.runs)


def test_pretraining_is_on_the_other_images_for_epochs_of_its_own(
    make_plan: MakePlan, pretraining: Problem
) -> None:
    runs = make_plan(pretraining_epochs=5).pretraining_runs()
    assert {run.data_digest for run in runs} == {pretraining.manifest.digest}
    assert {run.split for run in runs} == {"pretraining"}
    assert {run.config.epochs for run in runs} == {5}


def test_without_other_images_two_columns_are_left(make_plan: MakePlan) -> None:
    plan = make_plan(pretraining=None)
    assert plan.pretraining_runs() == []
    assert [column.name for column in plan.head_columns()] == ["untuned", "tuned"]


def test_blocks_start_from_the_last_column_at_a_lower_rate(make_plan: MakePlan) -> None:
    plan = make_plan(blocks=(2, "all"), on_images={"augment": "flip"})
    two, everything = plan.block_columns()
    assert (two.name, two.title) == ("blocks:2", "tuned, pretrained on CelebA, last 2 blocks")
    assert everything.title == "tuned, pretrained on CelebA, all blocks"
    assert [run.start for run in two.runs] == [run.key for run in plan.head_columns()[-1].runs]
    config = two.runs[0].config
    assert config.learning_rate == pytest.approx(1e-4)
    assert (config.unfrozen_blocks, config.augment, config.dropout) == (2, "flip", 0.5)
    assert plan.head_columns()[1].runs[0].config.augment == "none"


def test_blocks_take_the_rate_that_is_given(make_plan: MakePlan) -> None:
    (column,) = make_plan(blocks=(1,), blocks_rate=3e-6).block_columns()
    assert column.runs[0].config.learning_rate == 3e-6


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, ["pretrained"]),
        ({"blocks": (1,)}, ["pretrained", "blocks:1"]),
        ({"blocks": (1,), "pretraining": None}, ["tuned", "blocks:1"]),
        ({"pretraining": None}, []),
    ],
)
def test_weights_that_others_start_from_are_kept(
    make_plan: MakePlan, changes: dict[str, object], kept: list[str]
) -> None:
    plan = make_plan(**changes)
    columns = [*plan.head_columns(), *plan.block_columns()]
    assert [column.name for column in columns if column.keep] == kept


def test_blocks_of_a_network_without_a_frozen_backbone(make_plan: MakePlan) -> None:
    with pytest.raises(InputError, match=r"is for pretrained backbones, the winner is hassner"):
        make_plan(winner=TrialConfig(backbone="hassner"), blocks=(1,))


def test_labels_name_column_seed_and_pretraining(make_plan: MakePlan) -> None:
    plan = make_plan()
    assert plan.label(plan.pretraining_runs()[1]) == "CelebA, seed 8"
    assert plan.label(plan.head_columns()[2].runs[0]) == "tuned, pretrained on CelebA, seed 7"
    alone = make_plan(seeds=(7,))
    assert alone.label(alone.head_columns()[0].runs[0]) == "untuned"
