"""Ours, as a user runs it: the build of the photographs, then all stages of the preset for such data."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.task import Race, Task
from data_prep.build import main as build
from data_prep.splits import Split
from search import Tuner
from search.callbacks.callback import Callback, Callbacks
from search.options.run_groups import MachineOptions
from search.ray_tune.driver import Driver
from search.ray_tune.policy import Policy
from search.study.ledger import Ledger
from search.study.setup import Problem
from trainables.answers import predicted_labels
from trainables.trial import TrialConfig, TrialResult

HELD_OUT = "held-out"  # a split that trains on the same rows and answers for the others


class Ends(Callback):
    """A callback that notes when a trial ended."""

    def __init__(self, race: Race, scorer: Scorer) -> None:
        self._race, self._scorer = race, scorer

    def trial_ended(self, result: TrialResult) -> None:
        """Notes the trial, by ours' own figure."""
        config = result.trial.config
        self._race.ended(result.mean_val_accuracy, lambda: self._scorer.answers(config))


class Scorer:
    """What trains a configuration again, with the same numbers to the bit, to ask it of the held-out rows."""

    def __init__(self, task: Task, folder: Path) -> None:
        self._task, self._folder = task, folder
        self.problem: Problem | None = None

    def answers(self, config: TrialConfig) -> np.ndarray:
        """Returns the labels `(n,)` of the held-out rows."""
        assert self.problem is not None
        (split,) = self.problem.splits
        problem = replace(self.problem, splits=(_on_test(split),))
        trial, ledger = problem.trial(config, HELD_OUT), Ledger(self._folder / "scores")
        places = (self._folder / "cache", self._folder / "checkpoints")
        with Driver(problem, *places, MachineOptions(), ledger.record) as driver:
            driver.train([trial], Callbacks(()), Policy())
        # ours may number the classes in another order
        numbers = np.array([self._task.names.index(name) for name in problem.manifest.class_names])
        return numbers[predicted_labels(ledger.predictions(trial))]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the search and writes what was best when."""
    task = Task.of(__doc__, argv)
    race = Race(task)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scorer = Scorer(task, folder)
        manifest = folder / "photographs.parquet"
        labels = ["--csv", str(task.labels.absolute())]
        if code := build(["folder", "--root", str(task.root), *labels, "--out", str(manifest)]):
            return code
        tuner = Tuner(
            callbacks=[Ends(race, scorer)],
            data=str(manifest),
            backbone=task.backbone,
            weights=task.weights,
            seed=task.seed,
            storage=str(folder / "results"),
            cache=str(folder / "cache"),
        )
        tuner.all()
        scorer.problem = tuner._run.problem
        race.write()
    return 0


def _on_test(split: Split) -> Split:
    return replace(split, name=HELD_OUT, validation=split.test, test=split.test[:0])


if __name__ == "__main__":
    sys.exit(main())
