"""What an epoch of a head costs: the product's own training, on random features.

Its functions are for a process that may import Keras (`measure.in_own_process`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Cost, cost_of, typical
from trainables.trial import TrialConfig

if TYPE_CHECKING:
    from trainables.training import Examples

FEATURES = 2048  # of resnet50_v2 and inception_v3
TRAIN_SHARE = 0.8


def epoch_costs(configs: Sequence[TrialConfig], rows: int, rounds: int) -> list[Cost]:
    """Returns what an epoch of each of `configs` on `rows` examples takes, of `rounds` after one to compile."""
    examples = random_examples(rows)
    costs = []
    for config in configs:
        epoch_cost(config, examples)
        costs.append(typical([epoch_cost(config, examples) for _ in range(rounds)]))
    return costs


def epoch_cost(config: TrialConfig, examples: Examples) -> Cost:
    """Trains and validates the first epoch of `config` and returns what that took, building left out.

    The first call for a shape compiles, and counts that.
    """
    from trainables.training import Training

    epochs = Training(replace(config, epochs=1), examples).epochs()
    return cost_of(lambda: next(epochs))


def random_examples(rows: int) -> Examples:
    """Returns `rows` examples of FEATURES numbers each: TRAIN_SHARE to train on, the rest to validate."""
    from trainables.training import Examples

    rng = np.random.default_rng(0)
    numbers, trained = np.arange(rows), round(rows * TRAIN_SHARE)
    return Examples(
        inputs=rng.random((rows, FEATURES), dtype=np.float32),
        labels=rng.integers(0, 2, rows).astype(np.int8),
        train=numbers[:trained],
        validation=numbers[trained:],
    )
