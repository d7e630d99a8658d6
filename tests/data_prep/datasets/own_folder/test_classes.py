from __future__ import annotations

from collections.abc import Sequence

import pytest

from data_prep.datasets.own_folder.classes import class_order


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("male", "female"), ("female", "male")),
        (("Male", "FEMALE"), ("FEMALE", "Male")),
        (("male", "Male", "female"), ("female", "Male", "male")),  # none is left without a label
        (("10", "9", "1"), ("1", "9", "10")),
    ],
)
def test_every_class_has_a_label(names: Sequence[str], order: Sequence[str]) -> None:
    assert class_order(names, "the folders") == order
