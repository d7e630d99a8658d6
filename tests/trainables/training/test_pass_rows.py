"""The rows that the pass after an epoch reads."""

import numpy as np

from trainables.training.pass_rows import rows_of_pass


def test_few_rows_are_all_read_in_their_order() -> None:
    assert rows_of_pass(np.array([5, 2, 9]), 3).tolist() == [2, 5, 9]


def test_many_rows_are_read_evenly_so_that_each_class_has_its_share() -> None:
    women, men = np.arange(300), np.arange(300, 400)
    rows = rows_of_pass(np.random.default_rng(0).permutation(np.concatenate([women, men])), 40)
    assert len(set(rows.tolist())) == 40
    assert (rows < 300).sum() == 30
