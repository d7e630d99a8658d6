"""The winner's curse: how much of a winner's value is the luck of having been chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 500
SEED = 7


def luck_of_choice(right: NDArray[np.floating[Any]], groups: NDArray[np.integer[Any]]) -> float:
    """Returns by how much the best of several configurations flatters itself on the rows that chose it.

    `right` `(n, k)` holds for each row and configuration the share of runs that were right; rows with one
    number in `groups` `(n,)` are drawn together. The bootstrap bias correction of Tsamardinos, Greasidou
    and Borboudakis (2018, Bootstrapping the Out-of-sample Predictions for Efficient and Accurate
    Cross-Validation, Machine Learning 107): the best on the drawn rows is read on those not drawn, and
    nothing is trained. 0 or more; 0 with one configuration.
    """
    if right.shape[1] < 2:
        return 0.0
    _, codes = np.unique(groups, return_inverse=True)
    count = int(codes.max()) + 1
    draws = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    weights = draws[:, codes].astype(np.float64)
    weights = weights[(weights == 0).any(1)]  # few groups may all be drawn, which leaves none to read on
    if not len(weights):
        return 0.0
    chosen = (weights @ right).argmax(1)
    left_out = (weights == 0).astype(np.float64)
    read = (left_out @ right)[np.arange(len(chosen)), chosen] / left_out.sum(1)
    return max(0.0, float(right.mean(0).max() - read.mean()))
