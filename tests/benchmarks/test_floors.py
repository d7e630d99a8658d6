"""Floors: counts of weights and operations, and the larger of arithmetic and traffic."""

import numpy as np
import pytest

from benchmarks.floors import (
    Peak,
    PeakMeter,
    StepProducts,
    adam_floor,
    layer_shapes,
    step_floor,
    validation_floor,
    weight_count,
)
from benchmarks.heads import MAX_STEPS, rows_for
from benchmarks.limit import fit_columns, head_line, head_row
from benchmarks.measure import Cost
from trainables.trial import TrialConfig

WIDTHS = (1024, 512, 256)
WEIGHTS = 2048 * 1024 + 1024 * 512 + 512 * 256 + 256
PEAK = Peak(  # 100 GFLOP/s, 50 GB/s, 25 GB/s
    flop=Cost(1e-11, 2e-11), byte=Cost(2e-11, 2e-11), copied_byte=Cost(4e-11, 4e-11)
)


def test_weights_are_those_of_the_dense_kernels() -> None:
    assert layer_shapes(WIDTHS) == [(2048, 1024), (1024, 512), (512, 256), (256, 1)]
    assert weight_count(WIDTHS) == WEIGHTS


def test_a_large_batch_is_bound_by_arithmetic() -> None:
    floor = step_floor(TrialConfig(batch_size=64), PEAK)
    assert floor.wall_s == pytest.approx(WEIGHTS * (6 * 64 * 1e-11 + 28 * 2e-11))


def test_a_small_batch_is_bound_by_traffic() -> None:
    assert step_floor(TrialConfig(batch_size=2), PEAK).wall_s == pytest.approx(WEIGHTS * (16 + 28) * 2e-11)


def test_a_batch_of_one_reads_the_weights_that_no_step_changes() -> None:
    assert step_floor(TrialConfig(batch_size=1), PEAK).wall_s == pytest.approx(WEIGHTS * 4 * 2e-11)
    assert adam_floor(TrialConfig(batch_size=1), PEAK) == Cost(0, 0)
    assert [len(product) for *_, product in StepProducts(TrialConfig(batch_size=1))._products] == [1] * 4


def test_validation_reads_the_weights_forward_only() -> None:
    assert validation_floor(WEIGHTS, 10, PEAK).cpu_s == pytest.approx(2 * WEIGHTS * 10 * 2e-11)


def test_a_peak_reads_in_gflops_and_gigabytes() -> None:
    assert PEAK.gflops == pytest.approx(100)
    assert PEAK.gigabytes_a_second == pytest.approx(50)
    assert PEAK.copied_gigabytes_a_second == pytest.approx(25)


def test_the_meter_takes_threads_to_multiply_side_by_side() -> None:
    one, two = PeakMeter(1), PeakMeter(2)
    one.look()
    two._products, two._changes, two._copies = one._products, one._changes, one._copies
    assert two.peak().flop.wall_s == pytest.approx(one.peak().flop.wall_s / 2)
    assert two.peak().byte == one.peak().byte


def test_step_products_are_those_of_a_dense_layer() -> None:
    step = StepProducts(TrialConfig(hidden_units=(4,), batch_size=3))
    step._step()
    (forward, kernel, inputs) = (product for *_, product in step._products[:3])
    assert (forward == 2048).all()
    assert (kernel == 3).all()
    assert (inputs == 4).all()
    assert forward.shape == (3, 4)
    assert kernel.dtype == np.float32


@pytest.mark.parametrize(("batch_size", "rows"), [(1, 640), (8, 5120), (64, 5120)])
def test_small_batches_read_fewer_rows(batch_size: int, rows: int) -> None:
    config = TrialConfig(batch_size=batch_size)
    assert rows_for(config, 5120) == rows
    assert rows * 0.8 / batch_size <= MAX_STEPS


def test_a_row_sets_the_epoch_over_both_floors() -> None:
    step = step_floor(TrialConfig(), PEAK)
    floor = step * 4 + validation_floor(WEIGHTS, 32, PEAK)
    products = step + adam_floor(TrialConfig(), PEAK) * -1
    row = head_row(TrialConfig(), 128, 32, floor * 1.5, products, PEAK)
    assert row["steps"] == 4
    assert row["wall_ratio"] == pytest.approx(1.5)
    assert row["library_cpu_ratio"] == pytest.approx(1.5)
    row |= fit_columns(row, floor * 3)
    assert head_line(row).split()[3:] == ["1.50x", "(1.50x)", "1.50x", "(1.50x)", "0.50", "(0.50)"]
