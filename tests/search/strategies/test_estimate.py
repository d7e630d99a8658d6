"""How long it will take: from the study's own trials where it has any, else from typical figures."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.storage.json_files import write_json
from search.strategies import estimate as module
from search.strategies.estimate import estimate, extraction_s, warning_of_images
from search.study.setup import Problem
from tests.search.makers import make_problem, make_result
from trainables.features.cache import INDEX, folder_of_features
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

STEPS = 2  # of 64 training rows in batches of 32


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


def trial_of(problem: Problem, **config: object) -> Trial:
    return problem.trial(TrialConfig(**{"epochs": 10, **config}), "random")  # type: ignore[arg-type]


def test_estimate_from_typical_figures(problem: Problem) -> None:
    expected = estimate([trial_of(problem), trial_of(problem, seed=8)], [], problem, 0)
    step_s = module.TYPICAL_STEP_S["tensorflow"]
    assert (expected.trial_s, expected.measured) == (pytest.approx(2 * 10 * STEPS * step_s), False)


def test_estimate_of_pixels_grows_with_the_batch(problem: Problem) -> None:
    expected = estimate([trial_of(problem, backbone="hassner")], [], problem, 0)
    assert expected.trial_s == pytest.approx(10 * STEPS * 32 * module.TYPICAL_PIXEL_S)


def test_estimate_from_what_was_measured(problem: Problem) -> None:
    done = make_result(trial_of(problem, batch_size=16), 0.5, 0.6, seconds=8.0)  # 4 steps, 2 s a step
    expected = estimate([trial_of(problem, batch_size=32)], [done], problem, 0)
    assert (expected.trial_s, expected.measured) == (pytest.approx(10 * STEPS * 2.0), True)


def test_estimate_takes_the_median_epoch_and_the_median_trial(problem: Problem) -> None:
    done = [
        make_result(trial_of(problem, seed=seed), 0.5, 0.6, 0.7, seconds=seconds)
        for seed, seconds in ((1, 2.0), (2, 4.0), (3, 500.0))
    ]
    assert estimate([trial_of(problem)], done, problem, 0).trial_s == pytest.approx(10 * 4.0)


@pytest.mark.parametrize("backbone", ["hassner", "resnet50_v2"])
def test_estimate_of_one_kind_says_nothing_about_the_other(problem: Problem, backbone: str) -> None:
    other = "resnet50_v2" if backbone == "hassner" else "hassner"
    done = make_result(trial_of(problem, backbone=other), 0.5, seconds=1000.0)
    expected = estimate([trial_of(problem, backbone=backbone)], [done], problem, 0)
    assert not expected.measured
    assert expected.trial_s < 1000


def test_estimate_leaves_out_trials_without_an_epoch(problem: Problem) -> None:
    failed = make_result(trial_of(problem), status=TrialStatus.FAILED)
    assert not estimate([trial_of(problem)], [failed], problem, 0).measured


def test_estimate_counts_the_features_to_make(problem: Problem) -> None:
    expected = estimate([trial_of(problem)], [], problem, 7.0)
    assert expected.feature_s == 7.0
    rest = expected.trial_s + expected.compile_s
    assert expected.total_s == pytest.approx(rest + expected.feature_s + module.START_S)


def test_features_take_as_long_as_their_backbones_compute(problem: Problem, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    trials = [trial_of(problem, backbone=name) for name in ("resnet50_v2", "keras:MobileNetV2")]
    large, small = (extraction_s([trial], problem, cache) for trial in trials)
    assert large == pytest.approx(80 * 6.96 * module.TYPICAL_GFLOP_S)
    assert small < large / 10
    assert extraction_s(trials * 2, problem, cache) == pytest.approx(large + small)
    assert extraction_s([], problem, cache) == 0
    assert not cache.exists()


def test_features_take_as_long_as_others_of_their_backbone_did(problem: Problem, tmp_path: Path) -> None:
    for number, rate in enumerate((4.0, 8.0, 10.0)):
        index = {"backbone": "resnet50_v2", "images_per_second": rate, "key": {"precision": "float32"}}
        path = folder_of_features(tmp_path) / str(number) / "index.json"
        write_json(path, {"format": INDEX.number, **index})
    assert extraction_s([trial_of(problem, backbone="resnet50_v2")], problem, tmp_path) == 80 / 8


def compiling(result: TrialResult, seconds: float) -> TrialResult:
    """Returns `result` with a first epoch, and with it a trial, that took so much longer."""
    first, *others = result.epochs
    epochs = (replace(first, seconds=first.seconds + seconds), *others)
    return replace(result, epochs=epochs, seconds=result.seconds + seconds)


@pytest.mark.parametrize(
    ("values", "shapes"),
    [
        ([{"learning_rate": 0.1}, {"learning_rate": 0.01}, {"seed": 8}], 1),
        ([{"batch_size": 8}, {"batch_size": 16}, {"hidden_units": (8,)}], 3),
        ([{"dropout": 0.0}, {"dropout": 0.1}, {"dropout": 0.5}], 2),
        ([{"l2": 0.0}, {"l2": 0.1}, {"l2": 0.5}], 2),
    ],
)
def test_estimate_compiles_each_shape_once(
    problem: Problem, values: list[dict[str, object]], shapes: int
) -> None:
    trials = [trial_of(problem, **each) for each in values]
    assert estimate(trials, [], problem, 0).compile_s == shapes * module.TYPICAL_COMPILE_S


def test_estimate_learns_what_a_shape_takes_to_compile(problem: Problem) -> None:
    done = [
        compiling(make_result(trial_of(problem, batch_size=size, seed=seed), *[0.5] * 4), seconds)
        # the second of a batch size finds it compiled
        for size, seed, seconds in ((8, 1, 4.0), (8, 2, 0.1), (16, 1, 5.0), (16, 2, 0.2), (64, 1, 30.0))
    ]
    trials = [trial_of(problem, batch_size=size) for size in (4, 8)]
    expected = estimate(trials, done, problem, 0)
    assert expected.compile_s == pytest.approx(2 * 5.0)  # new workers compile 8 again


def test_estimate_where_ray_runs_does_not_start_it(problem: Problem) -> None:
    expected = estimate([trial_of(problem)], [], problem, 0, running=True)
    assert expected.total_s == pytest.approx(expected.trial_s + expected.compile_s)


def test_estimate_of_nothing_is_nothing(problem: Problem) -> None:
    assert estimate([], [], problem, 0).total_s == 0


def test_estimate_of_folds_uses_the_rows_of_each(tmp_path: Path) -> None:
    folds = make_problem(tmp_path, "folds")
    trials = [folds.trial(TrialConfig(epochs=1, batch_size=2), split.name) for split in folds.splits]
    steps = sum(math.ceil(len(split.train) / 2) for split in folds.splits)
    step_s = module.TYPICAL_STEP_S["tensorflow"]
    assert math.isclose(estimate(trials, [], folds, 0).trial_s, steps * step_s)


def test_steps_that_change_few_weights_count_as_less(problem: Problem) -> None:
    known = [make_result(trial_of(problem, batch_size=2), *[0.5] * 4, seconds=40.0)]
    single, others = (estimate([trial_of(problem, batch_size=size)], known, problem, 0) for size in (1, 2))
    assert single.trial_s == pytest.approx(2 * others.trial_s * TrialConfig(batch_size=1).step_cost, rel=0.1)


def test_warning_of_images_says_what_a_trial_takes(problem: Problem) -> None:
    known = [
        make_result(trial_of(problem, unfrozen_blocks=1, seed=3), 0.5, seconds=60.0),
        make_result(trial_of(problem, seed=3), 0.5, seconds=2.0),
    ]
    trials = [trial_of(problem), trial_of(problem, unfrozen_blocks=2)]
    assert warning_of_images(trials, known, problem) == (
        "unfrozen blocks train on images, which go through the backbone in every epoch: a trial takes about "
        "10:00 as in this study so far, one on features about 0:20"
    )
    said = warning_of_images(trials[1:], [], problem)
    assert said is not None
    assert said.endswith(" on two cores without a GPU")
    assert warning_of_images(trials[:1], known, problem) is None
