"""The cost model: the report's study, and arithmetic on measured costs."""

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.projection import (
    OurCosts,
    PlainCosts,
    Projection,
    project,
    shape_of,
    shapes,
    steps_an_epoch,
    study_configs,
)
from trainables.trial import TrialConfig

PLAIN = PlainCosts(image_epoch_s=0.04, trial_overhead_s=10.0)
OURS = OurCosts(
    head_step_s={"batch 32, 1024/512/256": 0.01},
    trial_overhead_s=2.0,
    image_s=0.05,
    extraction_overhead_s=5.0,
)


def test_the_study_is_the_reports() -> None:
    configs = study_configs()
    assert len(configs) == 20
    assert {config.epochs for config in configs} == {20}
    assert Counter(config.batch_size for config in configs) == {32: 15, 1: 1, 4: 1, 8: 1, 16: 1, 64: 1}
    assert {config.learning_rate for config in configs} == {0.1, 0.001, 0.0003, 0.00001}
    assert len({config.hidden_units for config in configs}) == 4
    assert {config.dropout for config in configs} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        (TrialConfig(batch_size=8), "batch 8, 1024/512/256"),
        (TrialConfig(hidden_units=(64,)), "batch 32, 64"),
        (TrialConfig(dropout=0.2), "batch 32, 1024/512/256, dropout"),
        (TrialConfig(learning_rate=0.1), "batch 32, 1024/512/256"),
    ],
)
def test_shape_of_is_what_a_step_costs_depends_on(config: TrialConfig, shape: str) -> None:
    assert shape_of(config) == shape


def test_shapes_names_each_once() -> None:
    found = shapes(study_configs())
    assert len(found) == 10
    assert all(shape_of(config) == shape for shape, config in found.items())


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 9756), (32, 305), (64, 153)])
def test_steps_an_epoch_of_adience(batch_size: int, steps: int) -> None:
    assert steps_an_epoch(12_194, batch_size) == steps


def test_projection_is_arithmetic_on_the_costs() -> None:
    config = TrialConfig(epochs=2)
    projection = project([config, replace(config, learning_rate=0.1)], 1000, PLAIN, OURS)
    assert projection.plain_s == pytest.approx(2 * (1000 * 2 * 0.04 + 10))
    assert projection.extraction_s == pytest.approx(1000 * 0.05 + 5)
    assert projection.ours_trials_s == pytest.approx(2 * (25 * 2 * 0.01 + 2))


def test_projection_ratio_includes_the_extraction() -> None:
    projection = Projection(plain_s=100.0, extraction_s=8.0, ours_trials_s=2.0)
    assert projection.ratio == pytest.approx(10)
    assert projection.ratio_on_cached_features == pytest.approx(50)
