from __future__ import annotations

import numpy as np

from data_prep.connected import connected


def test_connected_rows_are_those_that_a_chain_of_groups_connects() -> None:
    people, scenes = np.array([0, 0, 1, 2, -1, -1]), np.array([-1, 0, 0, 1, 1, -1])
    numbers = connected(people, scenes).tolist()
    assert numbers[0] == numbers[1] == numbers[2]
    assert numbers[3] == numbers[4]
    assert len(set(numbers)) == 3


def test_connected_rows_without_groups_are_each_their_own() -> None:
    assert len(set(connected(np.full(4, -1)).tolist())) == 4
