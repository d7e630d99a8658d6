"""Costs: summed, reduced, and measured in this process or one of its own."""

import json
import os
import time
from datetime import date
from pathlib import Path

from benchmarks.measure import (
    Cost,
    best,
    cost_of,
    in_own_process,
    machine,
    machine_in_words,
    typical,
    write_result,
)

COSTS = [Cost(3.0, 1.0), Cost(2.0, 5.0), Cost(9.0, 2.0)]


def test_costs_add_and_multiply() -> None:
    assert Cost(1.0, 2.0) + Cost(3.0, 4.0) == Cost(4.0, 6.0)
    assert Cost(1.0, 2.0) * 3 == Cost(3.0, 6.0)


def test_typical_is_the_least_wall_time_and_the_median_cpu_time() -> None:
    assert typical(COSTS) == Cost(2.0, 2.0)


def test_best_is_the_least_of_both() -> None:
    assert best(COSTS) == Cost(2.0, 1.0)


def test_cost_of_counts_cpu_time_only_while_there_is_work() -> None:
    cost = cost_of(lambda: time.sleep(0.2))
    assert cost.wall_s >= 0.2
    assert cost.cpu_s < 0.1


def test_work_in_its_own_process_finds_the_backend_and_threads_set() -> None:
    assert in_own_process("jax", 1, os.getenv, "KERAS_BACKEND") == "jax"
    assert in_own_process("tensorflow", 1, os.getenv, "OMP_NUM_THREADS") == "1"


def test_machine_in_words_names_what_figures_depend_on() -> None:
    facts = machine()
    words = machine_in_words(facts)
    assert words.startswith(f"{facts['cores']} cores of {facts['processor']}, load ")
    assert f"keras {facts['versions']['keras']}" in words


def test_write_result_writes_nothing_unasked(tmp_path: Path) -> None:
    write_result({"benchmark": "none"}, None)
    write_result({"benchmark": "one"}, tmp_path / "one.json")
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
    found = json.loads((tmp_path / "one.json").read_bytes())
    assert found.keys() == {"measured_on", "benchmark"}
    assert date.fromisoformat(found["measured_on"])
