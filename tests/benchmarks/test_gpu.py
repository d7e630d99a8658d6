"""The GPU's benchmark: its arithmetic, its refusal elsewhere, and tiny runs of its parts on a CPU."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.floors import weight_count
from benchmarks.measure import in_own_process
from trainables.trial import TrialConfig

TINY = TrialConfig(hidden_units=(8, 4), batch_size=16, dropout=0.3, epochs=1)

on_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="packs need JAX")


def test_a_row_sets_the_least_traffic_over_time_and_bandwidth() -> None:
    row = gpu.pack_row(TINY, 4, steps=10, head_epoch_s=0.5, bandwidth=1e6)
    assert row["head_step_us"] == pytest.approx(50_000)
    assert row["bandwidth_share"] == pytest.approx(11 * 4 * weight_count((8, 4)) * 10 / 0.5 / 1e6)


def test_lines_compare_with_the_first_size() -> None:
    rows = [gpu.pack_row(TINY, size, 10, seconds, 1e9) for size, seconds in ((1, 0.4), (16, 0.1))]
    lines = gpu.pack_lines({"gigabytes_a_second": 1.0, "steps": 10, "packs": rows})
    assert "1 heads:   400.00 ms an epoch of one, 40000 us a step, 1.0x" in lines[1]
    assert "16 heads:   100.00 ms an epoch of one, 10000 us a step, 4.0x" in lines[2]


def test_grid_is_that_of_the_joint_search() -> None:
    configs = gpu.grid_configs()
    assert len(configs) == len(set(configs)) == 576
    assert {config.epochs for config in configs} == {20}


@on_jax
@pytest.mark.benchmark
def test_without_a_gpu_it_says_so_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    if in_own_process("jax", 1, gpu.gpus):
        pytest.skip("there is a GPU")
    assert gpu.main([]) == 1
    said = "error: benchmarks.gpu needs a GPU that JAX can use, there is none; run it where there is\n"
    assert capsys.readouterr().err == said


@on_jax
@pytest.mark.benchmark
def test_packs_are_measured() -> None:
    measured: dict[str, Any] = in_own_process("jax", 1, gpu.measure_packs, TINY, (1, 3), 60, 2)
    assert [row["heads"] for row in measured["packs"]] == [1, 3]
    assert all(row["head_epoch_s"] > 0 for row in measured["packs"])
    assert measured["steps"] == 3


@on_jax
@pytest.mark.benchmark
def test_study_is_trained_whole() -> None:
    measured = in_own_process("jax", 1, gpu.measure_study, [TINY, TrialConfig(epochs=1)], 80, 0.0)
    assert (measured["trials"], measured["completed"], measured["packed"]) == (2, 2, 0)
    assert "study: 2 trials in " in gpu.study_line("study", measured)
