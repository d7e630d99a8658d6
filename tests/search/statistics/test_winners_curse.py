from __future__ import annotations

import numpy as np
import pytest

from search.statistics.winners_curse import luck_of_choice


def test_the_best_of_equal_configurations_is_corrected_to_what_all_are_worth() -> None:
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(40):
        right = (rng.random((200, 8)) < 0.8).astype(np.float64)
        best = right.mean(0).max()
        errors.append([best - 0.8, best - luck_of_choice(right, np.arange(200)) - 0.8])
    flattered, corrected = np.mean(errors, axis=0)
    assert flattered > 0.03
    assert abs(corrected) < 0.01


def test_a_configuration_that_is_far_better_owes_nothing_to_luck() -> None:
    rng = np.random.default_rng(1)
    right = (rng.random((400, 3)) < np.array([0.95, 0.6, 0.5])).astype(np.float64)
    assert luck_of_choice(right, np.arange(400)) == pytest.approx(0, abs=0.003)


def test_rows_of_one_group_are_drawn_together() -> None:
    rng = np.random.default_rng(1)
    of_group = (rng.random((30, 8)) < 0.8).astype(np.float64)
    right, groups = np.repeat(of_group, 10, axis=0), np.repeat(np.arange(30), 10)
    apart = luck_of_choice(right, np.arange(300))
    assert luck_of_choice(right, groups) > 2 * apart


def test_one_configuration_was_not_chosen() -> None:
    assert luck_of_choice(np.ones((10, 1)), np.arange(10)) == 0.0
