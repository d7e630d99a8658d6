"""The importance of hyperparameters in a joint search, and their axes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from search.report.document import Axis, Parallel
from search.report.sections.importance import axis_of, importance_blocks
from search.report.sections.joint import best_by_configuration, parallel_of
from search.statistics.importance import FEWEST, importance_among
from trainables.objective import OBJECTIVE, OBJECTIVES
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus


def ended(accuracy: float, **config: float) -> TrialResult:
    """A completed trial of one epoch."""
    trial = Trial(
        config=TrialConfig(epochs=1, **config),  # type: ignore[arg-type]
        data_digest="d",
        split="random",
        weights="none",
        keras_backend="tensorflow",
    )
    epoch = EpochMetrics(
        epoch=1,
        loss=0.1,
        accuracy=0.9,
        val_loss=0.2,
        val_accuracy=accuracy,
        learning_rate=0.001,
        seconds=1.0,
    )
    return TrialResult(trial=trial, status=TrialStatus.COMPLETED, epochs=(epoch,), seconds=1.0)


@pytest.fixture(scope="module")
def trials() -> list[TrialResult]:
    """The batch size decides, dropout does nothing."""
    pairs = itertools.product((4, 8, 16, 32, 64), (0.0, 0.1, 0.2, 0.3))
    return [ended(0.5 + batch_size / 200, batch_size=batch_size, dropout=rate) for batch_size, rate in pairs]


def test_importance_finds_the_hyperparameter_that_decides(trials: list[TrialResult]) -> None:
    found = importance_among(trials, OBJECTIVE)
    assert found is not None
    batch_size, dropout = found.means
    assert batch_size > 0.5
    assert abs(dropout) < 0.1
    assert found.explained > 0.5


def test_importance_twice_is_the_same(trials: list[TrialResult]) -> None:
    assert importance_among(trials, OBJECTIVE) == importance_among(trials, OBJECTIVE)


def test_importance_warns_where_nothing_is_explained() -> None:
    values = (0.8, 0.9)
    trials = [ended(values[n * n // 3 % 2], dropout=n % 5 / 10, l2=n % 3 / 100) for n in range(15)]
    found = importance_among(trials, OBJECTIVE)
    assert found is not None
    assert found.explained <= 0
    texts = [getattr(block, "text", "") for block in importance_blocks(trials, ["dropout", "l2"], found)]
    assert any("do not read anything into this table" in text for text in texts)


def test_axis_of_few_values_has_equal_distances() -> None:
    axis = axis_of("learning_rate", [TrialConfig(learning_rate=rate) for rate in (0.1, 0.00001, 0.001)])
    assert axis.positions == [2.0, 0.0, 1.0]
    assert axis.ticks == {0.0: "1e-05", 1.0: "0.001", 2.0: "0.1"}


def test_axis_of_many_learning_rates_is_logarithmic() -> None:
    axis = axis_of("learning_rate", [TrialConfig(learning_rate=10**-power) for power in range(1, 15)])
    assert axis.positions == pytest.approx([-power for power in range(1, 15)])
    assert list(axis.ticks.values())[-1] == "0.1"


def test_axis_of_many_dropout_rates_is_linear() -> None:
    axis = axis_of("dropout", [TrialConfig(dropout=number / 20) for number in range(15)])
    assert axis.positions == pytest.approx([number / 20 for number in range(15)])


def test_importance_is_that_of_the_objective(trials: list[TrialResult]) -> None:
    by_dropout = []
    for trial in trials:
        (epoch,) = trial.epochs
        by_dropout.append(replace(trial, epochs=(replace(epoch, log_loss=trial.trial.config.dropout),)))
    found = importance_among(by_dropout, OBJECTIVES["log_loss"])
    assert found is not None
    batch_size, dropout = found.means
    assert dropout > 0.5 > batch_size


def test_importance_is_none_of_few_trials_or_of_one_hyperparameter(trials: list[TrialResult]) -> None:
    assert importance_among(trials[: FEWEST - 1], OBJECTIVE) is None
    assert importance_among([ended(0.5, batch_size=size) for size in range(1, 20)], OBJECTIVE) is None


def test_importance_counts_configurations_and_not_their_folds(trials: list[TrialResult]) -> None:
    folds = [*trials[: FEWEST - 1], *trials[: FEWEST - 1]]
    assert importance_among(folds, OBJECTIVE) is None
    kept = importance_among(trials, OBJECTIVE)
    (block,) = importance_blocks(folds, ["batch_size", "dropout"], kept)
    assert "it needs 10 completed configurations" in getattr(block, "text", "")
    assert "there are 9 configurations of 2" in getattr(block, "text", "")


def test_joint_figures_are_of_the_objective_and_know_which_way_is_better() -> None:
    losses = (0.5, 0.3, 0.4)
    found = [
        replace(each, epochs=(replace(each.epochs[0], log_loss=loss),))
        for loss, each in zip(losses, (ended(0.5, dropout=rate) for rate in (0.0, 0.1, 0.2)), strict=True)
    ]
    log_loss = OBJECTIVES["log_loss"]
    (panel,) = best_by_configuration([*found, ended(0.9, dropout=0.3)], log_loss).panels
    assert (panel.y_label, list(panel.curves[0].y)) == ("log loss", [0.5, 0.3, 0.3])
    parallel = parallel_of(found, ["dropout"], log_loss)
    assert list(parallel.ranks) == [0, 1, 0.5]
    assert parallel.axes[-1].label == "log loss"


def test_best_so_far_is_of_configurations_and_not_of_the_lucky_fold() -> None:
    folds = [ended(value, dropout=rate) for rate, value in ((0.0, 0.9), (0.0, 0.5), (0.1, 0.8), (0.1, 0.8))]
    (panel,) = best_by_configuration(folds).panels
    best, dots = panel.curves
    assert (list(dots.x), list(dots.y)) == ([1, 2], [pytest.approx(0.7), pytest.approx(0.8)])
    assert list(best.y) == [pytest.approx(0.7), pytest.approx(0.8)]


def test_parallel_coordinates_keep_the_lines_that_cross_every_axis_within_its_range() -> None:
    axes = [Axis(label="a", positions=[0.0, 1.0, 2.0]), Axis(label="b", positions=[5.0, 6.0, 7.0])]
    lines = Parallel(name="p", caption="", axes=axes, ranks=[0.0, 0.5, 1.0])
    kept = lines.within([(0.0, 1.0), (6.0, 7.0)])
    assert kept.ranks == [0.5]
    assert [axis.positions for axis in kept.axes] == [[1.0], [6.0]]
    assert lines.within([(0.0, 2.0), (5.0, 7.0)]) == lines


def test_figures_of_many_trials_draw_some_by_rank_and_every_turn_of_the_best() -> None:
    found = [ended(0.5 + number / 4000, dropout=number / 4000) for number in range(1000)]
    parallel = parallel_of(found, ["dropout"], every=10)
    assert len(parallel.ranks) == len(parallel.axes[0].positions) == 100
    assert (max(parallel.ranks), parallel.caption[:62]) == (
        1,
        "Joint search: a line for one in 10 of 1,000 completed trials, ",
    )
    (panel,) = best_by_configuration([*found[::-1], ended(0.9, dropout=0.9)]).panels
    best, dots = panel.curves
    assert (list(best.x), list(best.y)) == ([1, 1001], [pytest.approx(0.74975), 0.9])
    assert (dots.label, len(dots.x)) == ("one in 3 configurations", 334)
