"""The base class of callbacks: they hear of a search while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.study.search_id import SearchId
from search.study.stage_results import Result
from trainables.trial import EpochMetrics, Trial, TrialResult


class Callback:
    """A callback that does nothing; override what you want to hear of.

    The methods are called in the process of the search, one at a time, so a slow one delays it, and what
    one raises ends it. The trials of a search run at the same time: their calls alternate.
    """

    def search_began(self, search: SearchId, trials: int) -> None:
        """Says that `trials` of `search` are about to be trained; `str(search)` is "stage lr" or the like.

        A race says so several times.
        """

    def trials_planned(self, trials: Sequence[Trial]) -> None:
        """Says which trials these are, before the first of them, where that does not hang on results."""

    def trial_started(self, trial: Trial) -> None:
        """A worker has begun with `trial`, or begins again after another one died."""

    def trial_begins_again(self, trial: Trial, why: str) -> None:
        """The worker of `trial` failed, which `why` says, and another one will begin with it."""

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """`trial` has finished an epoch; one that was begun again repeats those after its last checkpoint."""

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has ended, however it did."""

    def search_finished(self, result: Result) -> None:
        """A stage or joint search is decided, and stands in the study's folder."""

    def close(self) -> None:
        """The run is over, also where it was interrupted; called once."""


@dataclass(frozen=True)
class Callbacks(Callback):
    """Several callbacks as one, called in their order; each is closed by who made it."""

    callbacks: Sequence[Callback]

    def search_began(self, search: SearchId, trials: int) -> None:
        for callback in self.callbacks:
            callback.search_began(search, trials)

    def trials_planned(self, trials: Sequence[Trial]) -> None:
        for callback in self.callbacks:
            callback.trials_planned(trials)

    def trial_started(self, trial: Trial) -> None:
        for callback in self.callbacks:
            callback.trial_started(trial)

    def trial_begins_again(self, trial: Trial, why: str) -> None:
        for callback in self.callbacks:
            callback.trial_begins_again(trial, why)

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        for callback in self.callbacks:
            callback.epoch_ended(trial, metrics)

    def trial_ended(self, result: TrialResult) -> None:
        for callback in self.callbacks:
            callback.trial_ended(result)

    def search_finished(self, result: Result) -> None:
        for callback in self.callbacks:
            callback.search_finished(result)
