"""Looks that tests make: of strangers, unless they are told to be alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from data_prep.pictures.look import HASH_BITS, Look


@pytest.fixture
def made_looks() -> Callable[..., list[Look]]:
    """Makes `count` looks that differ in everything that the hash tells of."""

    def make(count: int, **values: object) -> list[Look]:
        bits = np.random.default_rng(0).random((count, HASH_BITS)) < 0.5
        facts = {"brightness": 100.0, "contrast": 50.0, "sharpness": 10.0} | values
        return [
            Look(pixels=str(row), shape=np.packbits(bits[row]).tobytes().hex(), **facts)
            for row in range(count)
        ]

    return make
