"""The progress of a search: what has ended, what is in training, the best so far, the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from types import TracebackType
from typing import Self

from search.callbacks.callback import Callback
from search.space.labels import without_run
from search.study.descriptions import clock_time
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import EpochMetrics, Trial, TrialResult, TrialStatus


@dataclass
class Running:
    """A trial in training: its epochs so far, and when it began (unix seconds)."""

    trial: Trial
    epochs: Sequence[EpochMetrics] = ()
    began_at: float = field(default_factory=time.time)


class Progress(Callback):
    """The progress of `total` trials called by `label`; a context manager, so that what is shown can end.

    The best is that configuration whose runs, all of those that are planned, have the best mean of the
    `objective`, which may be set before the first trial ends; of trials that were not planned each is a
    configuration. A planned trial counts by what its steps take: batch size 4 has 16 times those of 64.
    """

    objective: Objective = OBJECTIVE

    def __init__(
        self,
        title: str,
        total: int,
        label: Callable[[Trial], str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title, self.total, self.label = title, total, label
        self.running: dict[str, Running] = {}
        self.done = self.failed = 0
        self._ended_steps, self._all_steps = 0.0, 0.0
        self._runs: Counter[str] = Counter()  # of the trials that were planned
        self._clock, self._started = clock, clock()
        self._scores: dict[str, list[float]] = {}
        self._best: tuple[float, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def trial_started(self, trial: Trial) -> None:
        """A trial has begun, or begins again on another worker."""
        if not self.running and not self.done:
            self._started = self._clock()  # what was before, Ray's start and features, is no pace of trials
        self.running.setdefault(trial.key, Running(trial))

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """A trial has finished an epoch; one that begins again repeats those after its last checkpoint."""
        running = self.running.setdefault(trial.key, Running(trial))
        running.epochs = (*(epoch for epoch in running.epochs if epoch.epoch < metrics.epoch), metrics)

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has ended."""
        self.running.pop(result.trial.key, None)
        self.done += 1
        self._ended_steps += self._steps(result.trial)
        self.failed += result.status is TrialStatus.FAILED
        if result.status is TrialStatus.COMPLETED:  # a stopped one has its mean over fewer epochs
            self._score(without_run(self.label(result.trial), result.trial), self.objective.of(result))

    def _score(self, configuration: str, value: float) -> None:
        scores, gain = self._scores.setdefault(configuration, []), self.objective.gain
        scores.append(value)
        # a single fold or seed may be a lucky one
        if len(scores) >= self._runs[configuration] and (
            self._best is None or gain(fmean(scores)) > gain(self._best[0])
        ):
            self._best = (fmean(scores), configuration)

    def trials_planned(self, trials: Sequence[Trial]) -> None:
        """These trials are to be trained, beside those that were planned before."""
        self._runs.update(without_run(self.label(trial), trial) for trial in trials)
        self._all_steps += sum(map(self._steps, trials))  # once: every epoch asks for the time left

    def _steps(self, trial: Trial) -> float:
        """Returns the steps of a trial, in units that all trials share; 1 where none were planned."""
        if not self._runs:
            return 1.0
        # networks that read images take as long for an image in whatever batch
        steps = trial.config.epochs / (1 if trial.config.trains_on_images else trial.config.batch_size)
        return steps * trial.config.step_cost

    @property
    def share_done(self) -> float:
        """The share of all steps that is done, by the trials that have ended and the epochs of the others."""
        parts = (
            self._steps(running.trial) * len(running.epochs) / running.trial.config.epochs
            for running in self.running.values()
        )
        return (self._ended_steps + sum(parts)) / (self._all_steps or self.total or 1)

    @property
    def seconds_left(self) -> float | None:
        """The time left at the pace so far; None before the first epoch."""
        share = self.share_done
        return max(0.0, (self._clock() - self._started) * (1 - share) / share) if share else None

    def headline(self) -> str:
        """Returns one line: "stage lr: 3 of 4 trials · best 0.9062 (0.001) · 0:12 left"."""
        seconds = self.seconds_left
        parts = [f"{self.title}: {self.done} of {self.total} trials"]
        if self._best:
            value, name = self._best
            parts.append(f"best {value:.4f}" + (f" ({name})" if name else ""))
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.done < self.total:
            parts.append("starting" if seconds is None else f"{clock_time(seconds)} left")
        return " · ".join(parts)
