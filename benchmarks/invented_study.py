"""A study with a joint search of as many invented trials as wished: for what only reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from search.report.sections.joint import importance_among
from search.space.stages import STAGES
from search.study.facts import StudyFacts
from search.study.folder import open_study
from search.study.ledger import Ledger
from search.study.stage_results import ComparisonProtocol, Entry, JointResult, StageFiles
from trainables.objective import Objective
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus

EPOCHS = 20
FACTS = StudyFacts(
    data_digest="0" * 32,
    source="folder",
    images=12_194,
    labels={"0": 6_455, "1": 5_739},
    class_names=("one", "other"),
    subjects=2_284,
    split="random",
    weights="none",
    keras_backend="jax",
)


def write_study(folder: Path, trials: int) -> Path:
    """Writes a study with a joint search of that many invented trials, and returns its folder."""
    open_study(folder, FACTS)
    ledger, rng = Ledger(folder), np.random.default_rng(7)
    results = [_result(config, rng) for config in _configs(trials)]
    for result in results:
        ledger.record(result)
    best = max(results, key=lambda result: result.mean_val_accuracy)
    StageFiles(folder).write(_joint(results, best))
    return folder


def _configs(count: int) -> Iterator[TrialConfig]:
    stages = [STAGES[name] for name in ("batch_size", "lr", "neurons", "dropout")]
    grid = list(product(*(stage.values for stage in stages)))
    for number in range(count):
        values = zip((stage.hyperparameter for stage in stages), grid[number % len(grid)], strict=True)
        yield replace(TrialConfig(epochs=EPOCHS), **dict(values), seed=7 + number // len(grid))


def _result(config: TrialConfig, rng: np.random.Generator) -> TrialResult:
    level = float(rng.normal(0.88, 0.02))
    facts = {name: getattr(FACTS, name) for name in ("data_digest", "weights", "keras_backend")}
    epochs = tuple(
        EpochMetrics(
            epoch=epoch,
            loss=1 / epoch,
            accuracy=level,
            val_loss=1 / epoch,
            val_accuracy=level - 0.3 / epoch + float(rng.normal(0, 0.003)),
            learning_rate=config.learning_rate,
            seconds=0.5,
        )
        for epoch in range(1, EPOCHS + 1)
    )
    return TrialResult(
        trial=Trial(config=config, split="random", **facts),
        status=TrialStatus.COMPLETED,
        epochs=epochs,
        seconds=EPOCHS / 2,
        made_by={"node": "invented"},
    )


def _joint(results: Sequence[TrialResult], best: TrialResult) -> JointResult:
    config = best.trial.config
    entry = Entry(
        value=None,
        config=config,
        trials=(best.trial.key,),
        reused=(),
        status="COMPLETED",
        reason="",
        mean=best.mean_val_accuracy,
        spread=math.nan,
        best_val_accuracy=best.best_val_accuracy,
        best_epoch=best.best_epoch,
        seconds=best.seconds,
    )
    return JointResult(
        objective=Objective(),
        protocol=ComparisonProtocol(split="random", splits=("random",), seeds=(7,), level=0.05),
        base=TrialConfig(epochs=EPOCHS),
        taken_over={},
        entries=(entry,),
        winner=config,
        verdict="single",
        statement="invented trials have no winner worth a name",
        settings={"search": "random", "scheduler": "none"},
        trials=tuple(one.trial.key for one in results),
        importance=importance_among(results, Objective()),
        seconds=1.0,
        finished_at="2026-01-01T00:00:00.000000+00:00",
    )
