"""Those who follow trials while they run, and those who follow a whole study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from search.study.stage_results import StageResult
from trainables.trial import EpochMetrics, Trial, TrialResult


class Observer(Protocol):
    """Who wants to know of trials while they run."""

    def started(self, trial: Trial) -> None:
        """A worker has begun with `trial`, or begins again after another one died."""

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """`trial` has finished an epoch."""

    def ended(self, result: TrialResult) -> None:
        """A trial has ended, however it did."""


class Watcher(Observer, Protocol):
    """Follows one run of a study from its first trial to its last stage; what it raises ends the search."""

    def begun(self, search: str, trials: int) -> None:
        """Of a stage or joint search, such as "stage lr", that many trials are about to be trained.

        A race says so several times.
        """

    def finished(self, result: StageResult) -> None:
        """A stage or joint search is decided, and stands in the study's folder."""

    def close(self) -> None:
        """The run is over, also where it was interrupted; called once."""


@dataclass(frozen=True)
class Observers:
    """Several observers as one."""

    observers: Sequence[Observer]

    def started(self, trial: Trial) -> None:
        """Tells all of them."""
        for observer in self.observers:
            observer.started(trial)

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Tells all of them."""
        for observer in self.observers:
            observer.epoch_ended(trial, metrics)

    def ended(self, result: TrialResult) -> None:
        """Tells all of them."""
        for observer in self.observers:
            observer.ended(result)
