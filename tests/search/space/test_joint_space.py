"""The configurations of a joint search: all of a grid, or some, always the same ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_prep.errors import InputError
from search.space.joint_space import (
    RANGES,
    VARIED,
    Starts,
    bases_of,
    grid_of,
    joint_space,
    random_configs,
    require_of_use,
)
from search.space.labels import describe_config
from trainables.hyperparameters import Range
from trainables.trial import TrialConfig

BASE = TrialConfig()
GRID = joint_space(VARIED, {}, ranges=False)
WITH_RANGES = joint_space(VARIED, {}, ranges=True)


def test_grid_of_the_report_has_576_configurations() -> None:
    configs = grid_of(BASE, GRID)
    assert len(configs) == len(set(configs)) == 6 * 4 * 4 * 6 == 576


def test_grid_holds_the_untuned_configuration_of_the_report() -> None:
    assert BASE in grid_of(BASE, GRID)


def test_grid_varies_the_last_hyperparameter_fastest_and_keeps_the_base() -> None:
    base = TrialConfig(epochs=3, seed=11)
    space = joint_space(["lr", "l2"], {}, ranges=False)
    first, second = grid_of(base, space)[:2]
    assert (first.learning_rate, first.l2, second.learning_rate, second.l2) == (0.1, 0.0, 0.1, 1e-5)
    assert {(config.epochs, config.seed) for config in (first, second)} == {(3, 11)}


@pytest.mark.parametrize(
    ("given", "count"), [({}, 576), ({"dropout": 0.5}, 96), ({"dropout": 0.5, "batch_size": 32}, 16)]
)
def test_space_is_without_what_is_given(given: dict[str, float], count: int) -> None:
    space = joint_space(VARIED, given, ranges=False)
    assert not set(space) & set(given)
    assert len(grid_of(BASE, space)) == count


def test_space_with_everything_given() -> None:
    with pytest.raises(InputError, match="needs a hyperparameter to vary, all are given; leave one out"):
        joint_space(["lr"], {"learning_rate": 0.1}, ranges=False)


def test_space_of_ranges_has_ranges_for_the_continuous_ones_only() -> None:
    space = joint_space([*VARIED, "l2"], {}, ranges=True)
    assert {name for name, values in space.items() if isinstance(values, Range)} == {
        "learning_rate",
        "dropout",
        "l2",
    }
    assert space["batch_size"] == (1, 4, 8, 16, 32, 64)


@pytest.mark.parametrize("name", ["learning_rate", "dropout"])
def test_range_spans_the_values_of_the_stage(name: str) -> None:
    values, range_ = GRID[name], RANGES[name]
    assert isinstance(values, tuple)
    assert (range_.low, range_.high) == (min(values), max(values))


def test_grid_of_a_range_is_refused() -> None:
    with pytest.raises(InputError, match="single values, not a range; use --search random or tpe"):
        grid_of(BASE, WITH_RANGES)


@pytest.mark.parametrize("space", [GRID, WITH_RANGES], ids=["grid", "ranges"])
def test_random_configurations_are_those_of_the_seed(space: dict[str, object]) -> None:
    one, again = (random_configs(BASE, space, 20) for _ in range(2))
    other = random_configs(TrialConfig(seed=8), space, 20)
    assert one == again
    assert [config.learning_rate for config in one] != [config.learning_rate for config in other]


@pytest.mark.parametrize("space", [GRID, WITH_RANGES], ids=["grid", "ranges"])
def test_random_configurations_are_distinct(space: dict[str, object]) -> None:
    assert len(set(random_configs(BASE, space, 100))) == 100


def test_random_configurations_of_more_samples_begin_with_those_of_fewer() -> None:
    for space in (GRID, WITH_RANGES):
        assert random_configs(BASE, space, 30)[:10] == random_configs(BASE, space, 10)


def test_random_configurations_of_a_grid_are_at_most_all_of_it() -> None:
    assert sorted(map(str, random_configs(BASE, GRID, 1000))) == sorted(map(str, grid_of(BASE, GRID)))


def test_random_configurations_of_ranges_lie_in_them_on_a_log_scale() -> None:
    configs = random_configs(BASE, joint_space(["lr", "dropout", "l2"], {}, ranges=True), 400)
    for name in ("learning_rate", "dropout", "l2"):
        range_, values = RANGES[name], [getattr(config, name) for config in configs]
        assert range_.low <= min(values) < max(values) <= range_.high
    small = sum(config.learning_rate < 1e-3 for config in configs)
    assert 160 < small < 240  # half of the decades lie below


def test_describe_config_uses_words() -> None:
    config = TrialConfig(batch_size=16, hidden_units=(256, 128, 64))
    assert describe_config(config, ["batch_size", "hidden_units", "learning_rate"]) == (
        "batch size 16, hidden units 256/128/64, learning rate 0.001"
    )


BEGUN = {"learning_rate": Range(1e-4, 0.1, log=True), "dropout": (0.0, 0.5)}


def test_starts_are_the_best_that_the_space_has_around_the_base_of_here() -> None:
    theirs = [TrialConfig(learning_rate=rate, dropout=0.5, epochs=3, seed=4) for rate in (0.01, 0.02)]
    starts = Starts.among(theirs, "faces", TrialConfig(epochs=9), BEGUN)
    assert starts.configs == tuple(replace(config, epochs=9, seed=7) for config in theirs)
    assert starts.notes == ("begins with the best 2 configurations of faces",)


def test_starts_are_at_most_five_and_each_is_another() -> None:
    theirs = [TrialConfig(learning_rate=0.01 / n, batch_size=b) for n in range(1, 9) for b in (8, 16)]
    starts = Starts.among(theirs, "faces", TrialConfig(), BEGUN)
    assert [config.learning_rate for config in starts.configs] == [0.01 / n for n in range(1, 6)]
    assert starts.notes[1] == "not varied here, so theirs is left out: batch size"


def test_starts_outside_the_space_are_left_out_and_named() -> None:
    theirs = [TrialConfig(dropout=0.3), TrialConfig(learning_rate=0.5, dropout=0.5), TrialConfig()]
    starts = Starts.among(theirs, "faces", TrialConfig(), BEGUN)
    assert starts.configs == (TrialConfig(),)
    assert starts.notes == (
        "begins with the best configuration of faces",
        "configurations of faces are left out for values that are not tried here: dropout 0.3, "
        "learning rate 0.5",
    )


def test_starts_need_no_value_for_what_does_nothing_beside_the_others() -> None:
    space = {"optimizer": ("adam", "sgd"), "momentum": (0.5, 0.9)}
    assert Starts.among([TrialConfig()], "faces", TrialConfig(), space).configs == (TrialConfig(),)


def test_study_without_anything_for_the_space_is_said() -> None:
    starts = Starts.among([], "faces", TrialConfig(), BEGUN)
    assert (starts.configs, starts.notes) == ((), ("begins with nothing of faces",))


ON_IMAGES = {"unfrozen_blocks": (0, 2), "augment": ("none", "flip"), "mixup": (0.0, 0.2)}


def test_grid_augments_only_networks_that_train_on_images() -> None:
    configs = grid_of(TrialConfig(), ON_IMAGES)
    assert len(configs) == 1 + 2 * 2
    assert {config.trains_on_images for config in configs if config.augment == "flip"} == {True}


def test_hyperparameter_of_networks_on_images_needs_one() -> None:
    require_of_use(ON_IMAGES, TrialConfig())
    require_of_use({"mixup": (0.0, 0.2)}, TrialConfig(backbone="hassner"))
    with pytest.raises(InputError, match=r"^mixup is of networks that train on images; vary blocks, too"):
        require_of_use({"mixup": (0.0, 0.2)}, TrialConfig())


def test_bases_are_what_reads_other_rows() -> None:
    assert len(bases_of(TrialConfig(), {**ON_IMAGES, "dropout": (0.0, 0.5)})) == 3
