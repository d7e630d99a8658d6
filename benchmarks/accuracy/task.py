"""The task that every search gets: photographs divided in three, values to try, and who was best when."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

from search.space.presets import HEADS, PRESETS

PARTS = TRAIN, VALIDATION, TEST = "train", "validation", "test"
SHARES = (0.6, 0.2, 0.2)
EPOCHS = 20
TRIALS = sum(map(len, PRESETS[HEADS].stages.values()))  # as many as ours may train in its stages
Answers = Callable[[], np.ndarray]
"""Gives the labels `(n,)` that a model says of the held-out rows."""


@dataclass(frozen=True, eq=False)
class Task:
    """Photographs below `root`: `table` has path, label and partition; `seed` is the search's.

    A label is the place of its class in `names`.
    """

    root: Path
    labels: Path
    table: pd.DataFrame
    names: tuple[str, ...]
    backbone: str
    weights: str
    seed: int
    budget_s: float
    trials: int
    out: Path

    @classmethod
    def of(cls, description: str | None, argv: Sequence[str] | None) -> Task:
        """Returns the task that the words of a program say."""
        parser = argparse.ArgumentParser(description=description)
        for name in ("--root", "--labels", "--out"):
            parser.add_argument(name, type=Path, required=True)
        for name in ("--backbone", "--weights"):
            parser.add_argument(name, required=True)
        parser.add_argument("--seed", type=int, required=True)
        parser.add_argument("--trials", type=int, default=TRIALS, help="at most")
        parser.add_argument("--budget", type=float, required=True, help="CPU seconds, at a trial's end")
        given = vars(parser.parse_args(argv))
        table, budget_s = pd.read_csv(given["labels"], dtype=str), given.pop("budget")
        names = tuple(sorted(set(table["label"])))
        table["label"] = table["label"].map(names.index)
        return cls(**given, table=table, names=names, budget_s=budget_s)

    def rows(self, part: str) -> np.ndarray:
        """Returns the row numbers of one of PARTS."""
        return np.flatnonzero(self.table["partition"] == part)

    def label(self, part: str) -> np.ndarray:
        """Returns the labels of one of PARTS, `(n,)`."""
        return self.table["label"].to_numpy()[self.rows(part)]

    def paths(self) -> list[Path]:
        """Returns the path of every row."""
        return [self.root / path for path in self.table["path"]]


def divided(paths: Sequence[str], names: Sequence[str], seed: int) -> pd.DataFrame:
    """Returns path, label and partition: SHARES of each class for each of PARTS, drawn by `seed`."""
    rows = np.arange(len(paths))
    left, test = train_test_split(rows, test_size=SHARES[2], random_state=seed, stratify=names)
    share = SHARES[1] / (1 - SHARES[2])
    validation = train_test_split(left, test_size=share, random_state=seed, stratify=np.array(names)[left])[1]
    partition = np.full(len(paths), TRAIN, dtype=object)
    partition[validation], partition[test] = VALIDATION, TEST
    return pd.DataFrame({"path": paths, "label": names, "partition": partition})


class Race:
    """The best so far of a search: each trial that was better than all before it, when it ended."""

    def __init__(self, task: Task) -> None:
        self._task, self._trials = task, 0
        self._best: list[tuple[float, float, Answers]] = []

    @property
    def is_over(self) -> bool:
        """Whether a search of one process has used its CPU time or its trials."""
        return self._trials >= self._task.trials or time.process_time() >= self._task.budget_s

    def ended(self, figure: float, answers: Answers) -> None:
        """Notes that a trial has ended with the searcher's own `figure` on the validation rows."""
        self._trials += 1
        if not self._best or figure > self._best[-1][1]:
            self._best.append((time.monotonic(), figure, answers))

    def write(self) -> None:
        """Writes what was best when, with its held-out balanced accuracy: read now, after the search."""
        ended_at, truth = time.monotonic(), self._task.label(TEST)
        best: list[dict[str, Any]] = [
            {"at": at, "figure": figure, "held_out": balanced_accuracy_score(truth, answers())}
            for at, figure, answers in self._best
        ]
        result = {"trials": self._trials, "ended_at": ended_at, "best": best}
        self._task.out.write_text(json.dumps(result), encoding="utf-8")
