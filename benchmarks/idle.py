"""A trial that trains nothing: it sleeps, reports plausible figures and ends, as `train_trial` would."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
from ray import tune

from trainables.trial import EpochMetrics, TrialConfig, TrialStatus
from trainables.worker import (
    EPOCHS,
    MADE_BY,
    PREDICTIONS,
    REASON,
    SECONDS,
    STATUS,
    WorkerData,
    running_figures,
)


def idle_trial(assignment: dict[str, Any], data: WorkerData, epoch_s: float = 0.0) -> None:
    """Does what `trainables.worker.train_trial` does, but for the training; an epoch takes `epoch_s`."""
    ours = assignment["trial"]
    config = TrialConfig.from_dict(ours["config"])
    rng = random.Random(ours["key"])
    finished: list[EpochMetrics] = []
    for epoch in range(1, config.epochs + 1):
        time.sleep(epoch_s)
        finished.append(_epoch(epoch, config, epoch_s, rng.random()))
        if epoch < config.epochs:
            tune.report(running_figures(finished))
    end = {
        STATUS: TrialStatus.COMPLETED.value,
        REASON: "",
        EPOCHS: [vars(metrics) for metrics in finished],
        SECONDS: epoch_s * config.epochs,
        MADE_BY: {},
        PREDICTIONS: np.full(len(data.splits[ours["split"]][1]), 0.5, np.float32),
    }
    tune.report({**running_figures(finished), **end, "done": True})


def _epoch(epoch: int, config: TrialConfig, seconds: float, chance: float) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        loss=0.5,
        accuracy=0.75,
        val_loss=0.5,
        val_accuracy=0.5 + chance / 2,
        learning_rate=config.learning_rate,
        seconds=seconds,
    )
