"""The driver's own cost: arithmetic, and a small search of idle trials on one node and on two."""

from __future__ import annotations

import pytest

from benchmarks.measure import in_own_process
from benchmarks.scale import driver_line, efficiency, measure_driver, measure_nodes, nodes_line


def test_efficiency_is_the_share_of_the_nodes_time() -> None:
    assert efficiency({"trials": 10, "pack": 1, "nodes": 2, "trained_s": 25.0}, 4.0) == pytest.approx(0.8)
    packs = {"trials": 80, "pack": 8, "nodes": 2, "trained_s": 25.0}
    assert efficiency(packs, 4.0) == pytest.approx(0.8)  # a pack takes as long as a trial


@pytest.mark.benchmark
def test_driver_is_measured_with_its_ledger_and_report() -> None:
    measured = in_own_process("tensorflow", 1, measure_driver, 12, 3)
    assert (measured["trials"], measured["results"]) == (12, 36)
    assert measured["cpu_ms_a_result"] > 0
    assert measured["peak_mib_before"] <= measured["peak_mib"] <= measured["peak_mib_with_report"]
    assert driver_line(measured).startswith("   12 trials,     36 results: ")


@pytest.mark.benchmark
def test_nodes_share_the_trials() -> None:
    measured = in_own_process("tensorflow", 1, measure_nodes, 2, 12, 2, 0.5, 2)
    assert measured["trained_s"] >= 6 * 2 * 0.5 / 2
    share = efficiency(measured, 1.0)
    assert 0 < share <= 1
    assert nodes_line({**measured, "efficiency": share}).startswith("    2 nodes, 12 trials in packs of 2: ")
