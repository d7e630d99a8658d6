from __future__ import annotations

from benchmarks.classes import row_of, weights_of
from benchmarks.measure import Cost


def test_weights_of_a_head_grow_with_its_last_layer_alone() -> None:
    assert weights_of(5) - weights_of(2) == 4 * 256
    assert weights_of(1000) - weights_of(40) == 960 * 256


def test_row_compares_with_the_first() -> None:
    row = row_of(5, Cost(3.0, 6.0), 2, Cost(2.0, 5.0))
    assert (row["wall_ratio"], row["cpu_ratio"], row["classes"]) == (1.5, 1.2, 5)
