"""Collectors of what Ray Tune hears from its workers: results, as soon as each trial ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ray import tune

from search.callbacks.callback import Callback
from search.ray_tune.failures.worker_failures import (
    ended_together,
    last_failure,
    ran_out_of_memory,
    refusal,
    why,
)
from search.ray_tune.policy import Policy
from search.study.setup import Problem
from trainables import worker
from trainables.trial import MEMBER, EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus

KeepResult = Callable[[TrialResult, np.ndarray | None], None]
_RUNNING, _PENDING = "RUNNING", "PENDING"  # how Tune has it
_HEARD = (worker.PACK, worker.EPOCHS, worker.PREDICTIONS, worker.MADE_BY, worker.EPOCH)


@dataclass
class Collector(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Turns what Tune hears from its workers into results, as soon as each trial ends."""

    problem: Problem
    record: KeepResult
    callback: Callback
    policy: Policy
    keep_log: Callable[[Trial, str], None]
    restarts: int = 0  # how often trials that Tune gave up too early may be taken up again
    forget_pack: Callable[[list[str]], None] = lambda keys: None  # removes what was kept of one, by its keys
    results: dict[str, TrialResult] = field(default_factory=dict)
    lists: bool = False  # whether what is trained stands in a list, of which some can be trained later
    _given_up: list[dict[str, Any]] = field(default_factory=list)
    _aside: dict[str, dict[str, Any]] = field(default_factory=dict)  # Tune's configurations, by its id
    _fewer: int = 0  # trials at a time, for those aside
    # by Tune's id: a key is costly at every report
    _ours: dict[str, list[Trial]] = field(default_factory=dict)
    _epochs: dict[str, dict[int, EpochMetrics]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its callbacks down; nobody reads this one back

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tells the callback; a retried trial starts again, less the members of a pack that ended before."""
        for ours in self._trials_of(trial):
            if ours.key in self.results:
                continue
            self._epochs.setdefault(ours.key, {})
            self.callback.trial_started(ours)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tells the callback why a worker failed, and the next worker which members of a pack have ended."""
        ours = [each for each in self._trials_of(trial) if each.key not in self.results]
        self._mark_ended(trial)
        failure = last_failure(trial)
        if ran_out_of_memory(failure) and self._puts_aside(trials, ended_together(failure)):
            tell_of_recovery(trial, ours, self.callback, f"trained later, at most {self._fewer} at a time")
        else:
            tell_of_recovery(trial, ours, self.callback)

    def _puts_aside(self, trials: list[Any], ended: int) -> bool:
        """Returns whether all that waits is trained later, with half as many at a time as now.

        So many workers `ended` at once: those that had not begun with their trial are not known as running.
        """
        at_a_time = max(ended, 1 + sum(each.status == _RUNNING for each in trials))  # this one waits again
        if not self.lists or at_a_time == 1:
            return False
        self._fewer = self._fewer or at_a_time // 2
        for each in trials:
            if each.status == _PENDING:
                each.config[worker.ASIDE] = True  # a worker reads it when it comes to the trial
        return True

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Notes an epoch, or how a trial ended: its last report says so."""
        if worker.ASIDE in result:
            self._aside[trial.trial_id] = _without_mark(trial.config)
            return
        reports = result.get(worker.PACK, [result])
        for ours, report in zip(self._trials_of(trial), reports, strict=True):
            self._hear(ours, report or {})  # None of a member that has ended before the others

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes a trial that the scheduler stopped; one that the deadline cut has not ended."""
        if trial.trial_id in self._aside:
            return
        for ours in self._trials_of(trial):
            if ours.key not in self.results and time.monotonic() < self.policy.deadline:
                why = trial.last_result.get(worker.REASON) or worker.STOPPED_EARLY
                stopped = self._cut(ours, TrialStatus.STOPPED, why)
                self.record(stopped, None)
                self._end(stopped)
        keys = [ours.key for ours in self._trials_of(trial)]
        if worker.PACK in trial.config and self.results.keys() >= set(keys):
            self.forget_pack(keys)
        _forget(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes trials whose worker failed more often than allowed; they are not finished.

        A worker that dies while it changes from one trial to the next takes that trial with it, whatever
        Tune was told of failures: it begins again only what had begun.
        """
        if self.restarts and trial.should_recover():
            self._mark_ended(trial)
            self._given_up.append(_without_mark(trial.config))
            return
        for ours in self._trials_of(trial):
            if ours.key not in self.results:
                self.keep_log(ours, str(trial.get_error() or ""))
                self._end(self._cut(ours, TrialStatus.FAILED, _reason(trial)))

    def take_given_up(self) -> list[dict[str, Any]]:
        """Returns Tune's configurations of the trials that have to be taken up again, and forgets them."""
        taken, self._given_up = self._given_up, []
        self.restarts -= bool(taken)
        return taken

    def take_aside(self) -> tuple[list[dict[str, Any]], int]:
        """Returns Tune's configurations of what was put aside, and how many of it to train at a time."""
        taken, fewer = list(self._aside.values()), self._fewer
        self._aside, self._fewer = {}, 0
        return taken, fewer

    def _mark_ended(self, trial: Any) -> None:
        for member in trial.config.get(worker.PACK, ()):
            member[worker.ENDED] = member["key"] in self.results

    def _trials_of(self, trial: Any) -> list[Trial]:
        if trial.trial_id not in self._ours:
            self._ours[trial.trial_id] = trials_of(trial, self.problem)
        return self._ours[trial.trial_id]

    def _hear(self, ours: Trial, report: dict[str, Any]) -> None:
        if worker.EPOCH in report:
            metrics = EpochMetrics(**report[worker.EPOCH])
            self._epochs[ours.key][metrics.epoch] = metrics  # a retried trial reports epochs again
            self.callback.epoch_ended(ours, metrics)
        if worker.STATUS in report and ours.key not in self.results:
            ended = TrialResult(
                trial=ours,
                status=TrialStatus(report[worker.STATUS]),
                epochs=tuple(EpochMetrics(**epoch) for epoch in report[worker.EPOCHS]),
                seconds=report[worker.SECONDS],
                reason=report[worker.REASON],
                made_by=report[worker.MADE_BY],
            )
            self.record(ended, report.get(worker.PREDICTIONS))
            self._end(ended)

    def _end(self, result: TrialResult) -> None:
        self.results[result.trial.key] = result
        self.callback.trial_ended(result)

    def _cut(self, trial: Trial, status: TrialStatus, reason: str) -> TrialResult:
        epochs = tuple(metrics for _, metrics in sorted(self._epochs.get(trial.key, {}).items()))
        seconds = sum(metrics.seconds for metrics in epochs)
        return TrialResult(trial=trial, status=status, epochs=epochs, seconds=seconds, reason=reason)


@dataclass
class Member:
    """A member of a population: what it started with, and what came of the line that it ended in.

    `values` are the learning rate and dropout rate of every epoch of that line; `predictions` the
    validation probabilities at its end. `trial` carries the values of the last epoch and stands in no
    ledger, because training with these values from the start is something else. `known_as` is the trial
    by which callbacks hear of it.
    """

    start: TrialConfig
    trial: Trial
    known_as: Trial
    epochs: tuple[EpochMetrics, ...] = ()
    values: tuple[dict[str, float], ...] = ()
    status: TrialStatus = TrialStatus.STOPPED
    reason: str = "cut before its last epoch"
    seconds: float = 0.0
    predictions: np.ndarray | None = None

    def result(self) -> TrialResult:
        """Returns the member as a result, for tables."""
        return TrialResult(
            trial=self.trial, status=self.status, epochs=self.epochs, seconds=self.seconds, reason=self.reason
        )


@dataclass
class MemberCollector(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Follows the members of a population, whose configurations change while they train.

    The callback hears of a member by one trial from start to end, that of the values it started with.
    """

    problem: Problem
    callback: Callback
    members: dict[str, Member] = field(default_factory=dict)  # by Tune's id

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its callbacks down; nobody reads this one back

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes a new member, or one that goes on, perhaps from another's state."""
        (now,) = trials_of(trial, self.problem)
        # later starts of the same trial of Tune's have other values: what it began with is kept here
        new = Member(start=now.config, trial=now, known_as=replace(now, start=MEMBER))
        member = self.members.setdefault(trial.trial_id, new)
        member.trial = now
        self.callback.trial_started(member.known_as)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tells the callback why a worker failed, and how often that may happen."""
        tell_of_recovery(trial, [self.members[trial.trial_id].known_as], self.callback)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Notes an epoch, or how the member ended."""
        member = self.members[trial.trial_id]
        member.values = tuple(result[worker.VALUES])
        if worker.EPOCH in result:
            metrics = EpochMetrics(**result[worker.EPOCH])
            member.seconds += metrics.seconds
            self.callback.epoch_ended(member.known_as, metrics)
        if worker.STATUS not in result:
            return
        member.status = TrialStatus(result[worker.STATUS])
        member.reason = result[worker.REASON]
        member.epochs = tuple(EpochMetrics(**epoch) for epoch in result[worker.EPOCHS])
        member.predictions = result.get(worker.PREDICTIONS)
        self._end(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes a member whose worker failed more often than allowed."""
        member = self.members[trial.trial_id]
        member.status, member.reason = TrialStatus.FAILED, _reason(trial)
        self._end(trial)

    def _end(self, trial: Any) -> None:
        member = self.members[trial.trial_id]
        self.callback.trial_ended(replace(member.result(), trial=member.known_as))


def tell_of_recovery(
    trial: Any, ours: Sequence[Trial], callback: Callback, again: str = "started again"
) -> None:
    """Tells `callback` that another worker begins with a trial of Tune's, which trains `ours`, and why."""
    failure, run = last_failure(trial), trial.run_metadata
    if not (ran_out_of_memory(failure) or refusal(failure)):
        again += f", {run.num_failures} of {trial.max_failures}"
    for each in ours:
        callback.trial_begins_again(each, f"{why(failure)}, {again}")


def _without_mark(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != worker.ASIDE}


def trials_of(trial: Any, problem: Problem) -> list[Trial]:
    """Returns our trials in a trial of Tune's: those of a pack, else the one."""
    assignments = trial.config.get(worker.PACK) or [trial.config["trial"]]
    return [
        problem.trial(
            TrialConfig.from_dict(assignment["config"]), assignment["split"], assignment.get("start", "")
        )
        for assignment in assignments
    ]


def _forget(trial: Any) -> None:
    """Drops what Tune would keep of an ended trial, 100 kB of it: nobody reads it, and it is written down."""
    for heard in _HEARD:
        trial.last_result.pop(heard, None)
    trial.run_metadata.metric_analysis.clear()
    trial.run_metadata.metric_n_steps.clear()


def _reason(trial: Any) -> str:
    error = trial.get_error()
    lines = [line for line in str(error or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "its worker died"


def assignment_of(trial: Trial, *, keep: bool = False) -> dict[str, Any]:
    """Returns what a worker needs to know of `trial`, as plain values."""
    return {
        "key": trial.key,
        "config": trial.config.to_dict(),
        "split": trial.split,
        "start": trial.start,
        "keep": keep,
    }
