"""Values that many tests of the search need, made of as little as possible: no Ray, no Keras, no images."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from data_prep.manifest import Manifest, write_manifest
from search.study.finetune_result import ColumnResult, FinetuneResult
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import (
    ComparisonProtocol,
    Entry,
    JointResult,
    Objective,
    PopulationResult,
    StageResult,
)
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus


def unseal(path: Path, **changes: Any) -> None:
    """Makes a file of a study one of before there were digests, with `changes`; format 0 has no number."""
    values = {**json.loads(path.read_text("utf-8")), **changes}
    del values["digest"]
    if not values["format"]:
        del values["format"]
    path.write_text(json.dumps(values), "utf-8")


def make_manifest(
    root: Path,
    subjects: int = 40,
    photos: int = 2,
    class_names: Sequence[str] = ("cat", "dog"),
    **columns: object,
) -> Manifest:
    """Returns a manifest of `subjects` of both labels in turn, in five folds; its images do not exist."""
    owners = [number for number in range(subjects) for _ in range(photos)]
    table = pd.DataFrame(
        {
            "path": [f"{number}.jpg" for number in range(len(owners))],
            "label": [owner % 2 for owner in owners],
            "subject": [f"s{owner}" for owner in owners],
            "fold": [owner // 2 % 5 for owner in owners],
            "age": None,
            "source": "folder",
        }
    ).assign(**columns)
    digests = [f"{number:032x}" for number in range(len(owners))]
    return Manifest.of(table, root, digests, class_names=class_names)


def write_small_manifest(root: Path, name: str = "m.parquet", **columns: object) -> Path:
    """Writes a manifest of 80 rows below `root`, its first image, and empty files for the others."""
    root.mkdir(parents=True, exist_ok=True)
    manifest = make_manifest(root, **columns)
    for path in manifest.image_paths():
        path.touch()
    Image.new("RGB", (8, 8)).save(root / "0.jpg")
    write_manifest(manifest, root / name)
    return root / name


def make_problem(root: Path, protocol: str = "random", weights: str = "none", **columns: object) -> Problem:
    """Returns the problem of a small manifest."""
    return Problem.of(make_manifest(root, **columns), protocol, weights, "tensorflow")


def make_trial(split: str = "random", **config: Any) -> Trial:
    """Returns a trial of one epoch, with the given hyperparameters."""
    return Trial(
        config=TrialConfig(**{"epochs": 1, **config}),
        data_digest="d" * 32,
        split=split,
        weights="none",
        keras_backend="tensorflow",
    )


def make_epochs(accuracies: Sequence[float], seconds: float = 1.0) -> tuple[EpochMetrics, ...]:
    """Returns an epoch for each validation accuracy."""
    return tuple(
        EpochMetrics(
            epoch=number,
            loss=0.5,
            accuracy=0.9,
            val_loss=0.6,
            val_accuracy=accuracy,
            learning_rate=0.001,
            seconds=seconds,
        )
        for number, accuracy in enumerate(accuracies, start=1)
    )


def make_result(
    trial: Trial,
    *accuracies: float,
    status: TrialStatus = TrialStatus.COMPLETED,
    reason: str = "",
    seconds: float = 1.0,
) -> TrialResult:
    """Returns the end of `trial` with an epoch of `seconds` for each validation accuracy."""
    return TrialResult(
        trial=trial,
        status=status,
        epochs=make_epochs(accuracies, seconds),
        seconds=seconds * len(accuracies),
        reason=reason,
    )


@dataclass
class FakeTrainer:
    """Trains by table lookup: `accuracy` of a trial for all its epochs; None makes it fail.

    `asked` holds the trials of every call; ended ones go into the ledger as the driver would put them.
    """

    problem: Problem
    ledger: Ledger
    accuracy: Callable[[Trial], float | None]
    asked: list[list[Trial]] = field(default_factory=list)

    def __call__(self, trials: Sequence[Trial]) -> dict[str, TrialResult]:
        """Returns by key how `trials` ended."""
        self.asked.append(list(trials))
        return {trial.key: self._end(trial) for trial in trials}

    @property
    def trained(self) -> list[Trial]:
        """All trials so far, in order."""
        return [trial for trials in self.asked for trial in trials]

    def _end(self, trial: Trial) -> TrialResult:
        accuracy = self.accuracy(trial)
        if accuracy is None:
            result = make_result(trial, status=TrialStatus.FAILED, reason="the loss is nan in epoch 1")
            self.ledger.record(result)
            return result
        result = make_result(trial, *[accuracy] * trial.config.epochs)
        splits = {split.name: split for split in (*self.problem.splits, *self.problem.final_splits)}
        self.ledger.record(result, np.full(len(splits[trial.split].validation), 0.75))
        return result


def make_entry(value: Any = 0.001, config: TrialConfig | None = None, **fields: Any) -> Entry:
    """Returns the entry of one finished run, with changes."""
    plain: dict[str, Any] = {
        "value": value,
        "config": config or TrialConfig(),
        "trials": ("0123456789abcdef",),
        "reused": (),
        "status": "COMPLETED",
        "reason": "",
        "mean": 0.875,
        "spread": float("nan"),
        "best_val_accuracy": 0.9,
        "best_epoch": 3,
        "seconds": 1.5,
    }
    return Entry(**{**plain, **fields})


def make_stage_result(stage: str = "lr", hyperparameter: str = "learning_rate", **fields: Any) -> StageResult:
    """Returns the result of a stage that the default configuration won, with changes."""
    return StageResult(stage=stage, hyperparameter=hyperparameter, **_decision(**fields))


def make_joint_result(**fields: Any) -> JointResult:
    """Returns the result of a joint search that the default configuration won, with changes."""
    settings = {"search": "random", "scheduler": "none", "num_samples": 4, "time_budget_s": None}
    return JointResult(**{"settings": settings, "trials": (), **_decision(**fields)})


def make_population_result(**fields: Any) -> PopulationResult:
    """Returns the result of a population of one member, with changes."""
    settings = {"search": "random", "scheduler": "pbt", "num_samples": 1, "time_budget_s": None}
    return PopulationResult(**{"settings": settings, "members": ({"number": 1},), **_decision(**fields)})


def _decision(**fields: Any) -> dict[str, Any]:
    winner = fields.pop("winner", TrialConfig())
    plain: dict[str, Any] = {
        "objective": Objective(),
        "protocol": ComparisonProtocol(split="random", splits=("random",), seeds=(7,), level=0.05),
        "base": TrialConfig(),
        "taken_over": {"batch_size": "default"},
        "entries": (make_entry(config=winner),),
        "winner": winner,
        "verdict": "single",
        "statement": "0.001 has the best value; one run each, so it may be chance",
        "seconds": 12.5,
        "finished_at": "2026-01-01T00:00:00.000000+00:00",
    }
    return {**plain, **fields}


def make_column(name: str, title: str, **fields: Any) -> ColumnResult:
    """Returns a column of one run, tied with the winner, with changes."""
    plain: dict[str, Any] = {
        "config": TrialConfig().to_dict(),
        "start": "",
        "trials": ("0123456789abcdef",),
        "figures": {
            "accuracy": (0.95, None),
            "val_accuracy": (0.9, None),
            "loss": (0.2, None),
            "val_loss": (0.3, None),
            "auc": (0.96, None),
        },
        "seconds": 3.0,
        "difference": 0.01,
        "tied": True,
    }
    return ColumnResult(name=name, title=title, **{**plain, **fields})


def make_finetune_result(*columns: ColumnResult, **fields: Any) -> FinetuneResult:
    """Returns what fine-tuning found; the last of the columns won."""
    plain: dict[str, Any] = {
        "winner": columns[-1].name,
        "verdict": "single",
        "statement": f"{columns[-1].title} has the best value; one run each",
        "origin": "stage dropout",
        "split": "random",
        "seeds": (7,),
        "pretraining": {"source": "celeba", "images": 600, "train": 540, "validation": 60, "epochs": 20},
        "breakdown": None,
        "seconds": 9.0,
        "finished_at": "2026-01-01T00:00:00+00:00",
    }
    return FinetuneResult(columns=columns, **{**plain, **fields})
