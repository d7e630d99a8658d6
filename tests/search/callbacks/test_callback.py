"""The base class of callbacks: silent where nothing is overridden, and several as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.callbacks.callback import Callback, Callbacks
from search.study.search_id import SearchId
from search.study.stage_results import StageResult
from tests.search.makers import make_result, make_stage_result, make_trial
from trainables.trial import EpochMetrics, Trial, TrialResult

TRIAL = make_trial()
METRICS = make_result(TRIAL, 0.5).epochs[0]


@dataclass
class Noting(Callback):
    """A callback that writes down what it hears, with its name."""

    name: str
    heard: list[tuple[str, object]]

    def search_began(self, search: SearchId, trials: int) -> None:
        self.heard.append((self.name, (search, trials)))

    def trials_planned(self, trials: Sequence[Trial]) -> None:
        self.heard.append((self.name, trials))

    def trial_started(self, trial: Trial) -> None:
        self.heard.append((self.name, trial))

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        self.heard.append((self.name, metrics))

    def trial_ended(self, result: TrialResult) -> None:
        self.heard.append((self.name, result))

    def search_finished(self, result: StageResult) -> None:
        self.heard.append((self.name, result))


def tell_all(callback: Callback) -> list[object]:
    """Tells `callback` of a whole search; returns what it was told."""
    ended, decided = make_result(TRIAL, 0.5), make_stage_result()
    callback.search_began(SearchId.parse("stage lr"), 1)
    callback.trials_planned([TRIAL])
    callback.trial_started(TRIAL)
    callback.epoch_ended(TRIAL, METRICS)
    callback.trial_ended(ended)
    callback.search_finished(decided)
    return [(SearchId.parse("stage lr"), 1), [TRIAL], TRIAL, METRICS, ended, decided]


def test_callback_that_overrides_nothing_may_be_told_everything() -> None:
    silent = Callback()
    tell_all(silent)
    silent.close()


def test_several_callbacks_hear_all_in_their_order() -> None:
    heard: list[tuple[str, object]] = []
    told = tell_all(Callbacks((Noting("first", heard), Noting("second", heard))))
    assert heard == [(name, each) for each in told for name in ("first", "second")]
