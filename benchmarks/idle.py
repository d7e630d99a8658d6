"""Trials, and packs of them, that train nothing: they sleep, report plausible figures and end."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from ray import tune

from trainables.trial import EpochMetrics, TrialConfig, TrialStatus
from trainables.worker import (
    EPOCHS,
    MADE_BY,
    PACK,
    PREDICTIONS,
    REASON,
    SECONDS,
    STATUS,
    WorkerData,
    running_figures,
)


def idle_trial(assignment: dict[str, Any], data: WorkerData, epoch_s: float = 0.0) -> None:
    """Does what `trainables.worker.train_trial` does, but for the training; an epoch takes `epoch_s`."""
    for reported in _reports(assignment["trial"], data, epoch_s):
        time.sleep(epoch_s)
        tune.report({**reported, "done": STATUS in reported})


def idle_pack(assignment: dict[str, Any], data: WorkerData, epoch_s: float = 0.0) -> None:
    """Does what `trainables.pack_worker.train_pack` does, but for the training; see `idle_trial`."""
    for reports in zip(*(_reports(member, data, epoch_s) for member in assignment[PACK]), strict=True):
        time.sleep(epoch_s)
        metric = data.objective.metric
        tune.report({PACK: list(reports), metric: reports[0][metric], "done": STATUS in reports[0]})


def _reports(ours: dict[str, Any], data: WorkerData, epoch_s: float) -> Iterator[dict[str, Any]]:
    """Yields what a trial reports after each epoch, the last with how it ended."""
    config = TrialConfig.from_dict(ours["config"])
    rng = random.Random(ours["key"])
    finished: list[EpochMetrics] = []
    for epoch in range(1, config.epochs + 1):
        finished.append(_epoch(epoch, config, epoch_s, rng.random()))
        if epoch < config.epochs:
            yield running_figures(finished)
    end = {
        STATUS: TrialStatus.COMPLETED.value,
        REASON: "",
        EPOCHS: [vars(metrics) for metrics in finished],
        SECONDS: epoch_s * config.epochs,
        MADE_BY: {},
        PREDICTIONS: np.full(len(data.splits[ours["split"]][1]), 0.5, np.float32),
    }
    yield {**running_figures(finished), **end}


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
