"""What an epoch of a head costs: the product's own training, on random features.

Its functions are for a process that may import Keras (`measure.in_own_process`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Cost, cost_of, typical
from benchmarks.plain_head import build_head
from trainables.trial import TrialConfig

if TYPE_CHECKING:
    from trainables.training.batches import Examples

FEATURES = 2048  # of resnet50_v2 and inception_v3
TRAIN_SHARE = 0.8
MAX_STEPS = 512  # enough to time a step of a small batch


def step_costs(configs: Sequence[TrialConfig], rows: int, rounds: int) -> list[Cost]:
    """Returns what a step of each of `configs` takes, with its share of the validation.

    It is that of an epoch on `rows_for(config, rows)` examples, of `rounds` after one to compile.
    """
    costs = []
    for config in configs:
        examples = random_examples(rows_for(config, rows))
        steps = math.ceil(len(examples.train) / config.batch_size)
        epoch_cost(config, examples)
        epoch = typical([epoch_cost(config, examples) for _ in range(rounds)])
        costs.append(epoch * (1 / steps))
    return costs


def epoch_cost(config: TrialConfig, examples: Examples) -> Cost:
    """Trains and validates the first epoch of `config` and returns what that took, building left out.

    The first call for a shape compiles, and counts that.
    """
    from trainables.training.training import Training

    epochs = Training(replace(config, epochs=1), examples).epochs()
    return cost_of(lambda: next(epochs))


def plain_fit_costs(configs: Sequence[TrialConfig], rows: int, rounds: int) -> list[list[Cost]]:
    """Returns for each of `configs` what epochs of the same head take by Keras' own `fit`, `rounds` of them.

    As its documentation has it: arrays, `validation_data`, Adam, binary cross-entropy and accuracy. The first
    epoch, which compiles, is left out.
    """
    costs = []
    for config in configs:
        examples = random_examples(rows_for(config, rows))
        parts = (examples.train, examples.validation)
        train, validation = ((examples.inputs[part], examples.labels[part]) for part in parts)
        model = build_head(FEATURES, config.learning_rate, config.dropout)
        fit = functools.partial(
            model.fit, *train, batch_size=config.batch_size, validation_data=validation, verbose=0
        )
        fit()
        costs.append([cost_of(fit) for _ in range(rounds)])
    return costs


def rows_for(config: TrialConfig, rows: int) -> int:
    """Returns `rows`, or the fewer that give the training MAX_STEPS steps."""
    return min(rows, round(MAX_STEPS * config.batch_size / TRAIN_SHARE))


def random_examples(rows: int, classes: int = 2) -> Examples:
    """Returns `rows` examples of FEATURES numbers each: TRAIN_SHARE to train on, the rest to validate."""
    from trainables.training.batches import Examples

    rng = np.random.default_rng(0)
    numbers, trained = np.arange(rows), round(rows * TRAIN_SHARE)
    return Examples(
        inputs=rng.random((rows, FEATURES), dtype=np.float32),
        labels=rng.integers(0, classes, rows).astype(np.int8 if classes == 2 else np.int16),
        train=numbers[:trained],
        validation=numbers[trained:],
        classes=classes,
    )
