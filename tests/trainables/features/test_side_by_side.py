"""Features of several backbones are read as one array, of which only the rows asked for are joined."""

import numpy as np

from trainables.features.side_by_side import side_by_side

FIRST = np.arange(12, dtype=np.float32).reshape(4, 3)
SECOND = -np.arange(8, dtype=np.float32).reshape(4, 2)
BOTH = np.concatenate([FIRST, SECOND], axis=1)


def test_a_single_array_stays_itself() -> None:
    assert side_by_side([FIRST]) is FIRST


def test_several_have_the_shape_of_what_they_make() -> None:
    joined = side_by_side([FIRST, SECOND])
    assert (joined.shape, joined.ndim, len(joined), joined.dtype) == (BOTH.shape, 2, 4, np.float32)


def test_rows_asked_for_are_joined() -> None:
    joined = side_by_side([FIRST, SECOND])
    rows = np.array([2, 0])
    assert np.array_equal(joined[rows], BOTH[rows])
    assert np.array_equal(joined[1], BOTH[1])


def test_all_of_them_are_an_array() -> None:
    assert np.array_equal(np.asarray(side_by_side([FIRST, SECOND])), BOTH)
