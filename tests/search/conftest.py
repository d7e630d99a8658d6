"""Studies on disk with plausible numbers, made without training: what reports and dashboards read."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.space.labels import show_value
from search.space.stages import STAGES
from search.statistics.classification_errors import break_down
from search.statistics.selection import select
from search.statistics.verdict_text import statement
from search.strategies.plans import base_of
from search.study.comparison import Candidate, entries_of
from search.study.facts import StudyFacts
from search.study.folder import open_study
from search.study.ledger import Ledger
from search.study.stage_results import ComparisonProtocol, JointResult, StageFiles, StageResult
from trainables.objective import Objective
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus

FACTS: Mapping[str, Any] = {
    "data_digest": "0123456789abcdef0123456789abcdef",
    "source": "adience",
    "images": 12_194,
    "labels": {"0": 6_455, "1": 5_739},
    "class_names": ("female", "male"),
    "group_kind": "face",
    "subjects": 2_284,
    "split": "random",
    "weights": "imagenet",
    "keras_backend": "tensorflow",
}
_AGES = ("(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)", None)
_DROPOUT = {0.0: -0.006, 0.1: -0.007, 0.2: -0.004, 0.3: -0.003, 0.4: -0.001}
_LOSS = {0.1: 0.11, 0.00001: 0.035, 0.0003: 0.0005}


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """Makes a study below `tmp_path` and returns its folder; see `write_study` for what can be asked."""

    def make(name: str = "fake", **wishes: Any) -> Path:
        return write_study(tmp_path / name, **wishes)

    return make


@pytest.fixture(scope="session", name="write_study")
def _write_study() -> Callable[..., Path]:
    """Writes a study with plausible numbers into a folder; see `write_study` below for what can be asked."""
    return write_study


@pytest.fixture(scope="session")
def write_whole_study() -> Callable[[Path], Path]:
    """Writes a study with everything in it: all stages twice, three repeats, a joint search of 24 trials."""
    return lambda folder: write_study(folder, repeats=3, epochs=4, sweeps=2, joint=24)


@pytest.fixture(scope="session")
def whole_study(tmp_path_factory: pytest.TempPathFactory, write_whole_study: Callable[[Path], Path]) -> Path:
    """A study with everything in it, to be read only."""
    return write_whole_study(tmp_path_factory.mktemp("studies") / "whole")


def write_study(
    folder: Path,
    stages: Sequence[str] = tuple(STAGES),
    *,
    repeats: int = 1,
    epochs: int = 20,
    sweeps: int = 1,
    joint: int = 0,
    splits: Sequence[str] = ("random",),
    **facts: Any,
) -> Path:
    """Writes a study whose `stages` ran in that order, `sweeps` times, and returns its folder.

    `joint` is the number of trials of a joint search, every fourth of them STOPPED; 0 for none. `facts`
    replace those of `study.json`. The same wishes give the same bytes.
    """
    open_study(folder, StudyFacts(**{**FACTS, **facts}))
    maker = _StudyMaker(folder, repeats, epochs, tuple(splits), {**FACTS, **facts})
    for sweep in range(1, sweeps + 1):
        for name in stages:
            maker.stage(name, sweep)
    if joint:
        maker.joint(joint)
    return folder


@dataclass
class _StudyMaker:
    folder: Path
    repeats: int
    epochs: int
    splits: tuple[str, ...]
    facts: Mapping[str, Any]
    done: dict[str, TrialResult] = field(default_factory=dict)
    latest: dict[str, StageResult] = field(default_factory=dict)

    def stage(self, name: str, sweep: int) -> None:
        stage = STAGES[name]
        before = [result for other, result in self.latest.items() if other != name]
        base, origins = base_of(before, {"epochs": self.epochs}, stage.fixed if sweep == 1 else {})
        candidates = [
            self._candidate(getattr(config, stage.hyperparameter), config) for config in stage.configs(base)
        ]
        self.latest[name] = StageResult(
            stage=name,
            sweep=sweep,
            hyperparameter=stage.hyperparameter,
            base=base,
            taken_over={key: origin for key, origin in origins.items() if key != stage.hyperparameter},
            **self._decision(candidates),
        )
        StageFiles(self.folder).write(self.latest[name])

    def joint(self, trials: int) -> None:
        names = ("batch_size", "lr", "neurons", "dropout")
        grid = list(itertools.product(*(STAGES[name].values for name in names)))
        picked = np.random.default_rng(1).permutation(len(grid))[:trials]
        fields = [STAGES[name].hyperparameter for name in names]
        base = TrialConfig(epochs=self.epochs)
        configs = [replace(base, **dict(zip(fields, grid[number], strict=True))) for number in picked]
        search = [self._trial(config, self.splits[0]) for config in configs]
        for number, trial in enumerate(search):
            self._train(trial, stopped=number % 4 == 3)
        completed = [trial.config for trial in search if self.done[trial.key].status is TrialStatus.COMPLETED]
        best = sorted(completed, key=lambda config: -self._mean(config))[:5]
        settings = {"search": "tpe", "scheduler": "asha", "num_samples": trials, "time_budget_s": 1800.0}
        result = JointResult(
            base=base,
            taken_over={},
            settings=settings,
            trials=tuple(trial.key for trial in search),
            **self._decision([self._candidate(None, config) for config in best]),
        )
        entries = tuple(sorted(result.entries, key=lambda entry: -entry.mean))
        StageFiles(self.folder).write(replace(result, entries=entries))

    def _decision(self, candidates: Sequence[Candidate]) -> dict[str, Any]:
        runs = [run for candidate in candidates for run in candidate.runs]
        reused = {run.key for run in runs if run.key in self.done}
        for run in runs:
            self._train(run)
        selection = select([candidate.scores(self.done) for candidate in candidates])
        winner = None if selection.winner is None else candidates[selection.winner].config
        number = len(list((self.folder / "stages").glob("*.json")))
        labels = [
            show_value(candidate.value) if candidate.value is not None else f"configuration {rank}"
            for rank, candidate in enumerate(candidates, 1)
        ]
        return {
            "objective": Objective(),
            "protocol": ComparisonProtocol(
                split=str(self.facts["split"]), splits=self.splits, seeds=self._seeds(), level=0.05
            ),
            "entries": entries_of(candidates, selection, self.done, reused),
            "winner": winner,
            "verdict": selection.verdict,
            "statement": statement(selection, labels),
            "notes": (
                "split random: 9,755 train, 2,439 validation; 1,204 subjects have photos on both sides",
            ),
            "breakdown": _breakdown(),
            "seconds": 12.0,
            "finished_at": f"2026-01-01T00:00:{number:02}.000000+00:00",
        }

    def _seeds(self) -> tuple[int, ...]:
        return tuple(range(7, 7 + self.repeats))

    def _candidate(self, value: Any, config: TrialConfig) -> Candidate:
        runs = tuple(
            self._trial(replace(config, seed=seed), split) for split in self.splits for seed in self._seeds()
        )
        return Candidate(value=value, config=config, runs=runs)

    def _trial(self, config: TrialConfig, split: str) -> Trial:
        facts = {name: str(self.facts[name]) for name in ("data_digest", "weights", "keras_backend")}
        return Trial(config=config, split=split, **facts)

    def _mean(self, config: TrialConfig) -> float:
        return self.done[self._trial(config, self.splits[0]).key].mean_val_accuracy

    def _train(self, trial: Trial, *, stopped: bool = False) -> None:
        if trial.key in self.done:
            return
        epochs = _epochs(trial)[: max(1, self.epochs // 4) if stopped else None]
        result = TrialResult(
            trial=trial,
            status=TrialStatus.STOPPED if stopped else TrialStatus.COMPLETED,
            epochs=epochs,
            seconds=math.fsum(epoch.seconds for epoch in epochs),
            reason="stopped early by the scheduler" if stopped else "",
        )
        Ledger(self.folder).record(result)
        self.done[trial.key] = result


def _epochs(trial: Trial) -> tuple[EpochMetrics, ...]:
    config = trial.config
    rng = np.random.default_rng(int(trial.key, 16))
    level = _level(config) + rng.normal(0, 0.0012)
    metrics = []
    for epoch in range(1, config.epochs + 1):
        rise = 1 - math.exp(-epoch / 3)
        val_accuracy = 0.5 + (level - 0.5) * (0.85 + 0.165 * rise) + rng.normal(0, 0.003)
        accuracy = min(1.0, 0.5 + (level - 0.5) * (0.8 + 0.43 * rise) + rng.normal(0, 0.001))
        metrics.append(
            EpochMetrics(
                epoch=epoch,
                loss=0.02 + 0.45 * (1 - rise) + 0.3 * (1 - accuracy),
                accuracy=accuracy,
                val_loss=0.25 + 0.6 * (1 - val_accuracy) + 0.004 * epoch,
                val_accuracy=val_accuracy,
                learning_rate=config.learning_rate,
                seconds=round(0.2 + 12 / config.batch_size, 3),
            )
        )
    return tuple(metrics)


def _level(config: TrialConfig) -> float:
    if config.batch_size == 1 and config.backbone != "hassner":
        return 0.53
    backbone = {"hassner": -0.012, "inception_v3": -0.015}.get(config.backbone, 0.0)
    few = 0.12 / config.batch_size
    return 0.906 + backbone - few + _DROPOUT.get(config.dropout, 0.0) - _LOSS.get(config.learning_rate, 0.0)


@functools.cache  # the same for every stage, and most of what a study would cost to make
def _breakdown() -> dict[str, Any]:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, 2_439)
    scores = 1 / (1 + np.exp(-(4.2 * labels - 2.1 + rng.normal(0, 1.7, labels.size))))
    ages = [_AGES[number] for number in rng.integers(0, len(_AGES), labels.size)]
    return break_down(labels, scores, ages, ("female", "male"))
