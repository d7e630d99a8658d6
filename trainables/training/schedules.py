"""The learning rate of each epoch: a function of the configuration and the validation losses so far."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainables.trial import TrialConfig

STEP_FACTOR, STEPS = 0.1, 3  # `step`: a tenth after each third of the epochs
PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.5, 2  # `reduce_on_plateau`: half after two epochs without a better loss


def learning_rate_of_epoch(config: TrialConfig, val_losses: Sequence[float]) -> float:
    """Returns the learning rate for the epoch after those whose validation losses are given.

    `constant` keeps `config.learning_rate`; `cosine` falls from it towards 0 over `config.epochs`
    (Loshchilov & Hutter 2017, without restarts, one value per epoch); `step` and `reduce_on_plateau`
    multiply it by the constants of this module. In the first `config.warmup_epochs` it rises evenly to what
    the schedule says (Goyal et al. 2017, one value per epoch).
    """
    done = len(val_losses)
    rising = min(1.0, (done + 1) / (config.warmup_epochs + 1))  # an epoch at 0 would train nothing
    return rising * _scheduled(config, val_losses)


def _scheduled(config: TrialConfig, val_losses: Sequence[float]) -> float:
    done = len(val_losses)
    match config.learning_rate_schedule:
        case "cosine":
            # the last epoch is not at 0 either
            return config.learning_rate * (1 + math.cos(math.pi * done / config.epochs)) / 2
        case "step":
            return config.learning_rate * STEP_FACTOR ** (done * STEPS // config.epochs)
        case "reduce_on_plateau":
            return config.learning_rate * PLATEAU_FACTOR ** _plateaus(val_losses)
        case _:
            return config.learning_rate


def _plateaus(val_losses: Sequence[float]) -> int:
    plateaus, waited, best = 0, 0, math.inf
    for loss in val_losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == PLATEAU_PATIENCE:
            plateaus, waited = plateaus + 1, 0
    return plateaus
