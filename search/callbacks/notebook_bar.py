"""The progress of a search in a notebook: one bar, which is drawn anew in its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from data_prep.command_line.notebook import Bar
from search.callbacks.progress import Progress
from trainables.trial import EpochMetrics, Trial, TrialResult


class NotebookBar(Progress):
    """Shows `total` trials called by `label` as a bar with a line of text; none where there is no trial."""

    def __init__(
        self,
        title: str,
        total: int,
        label: Callable[[Trial], str],
        *,
        bar: Bar | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(title, total, label, clock=clock)
        self._bar = bar or Bar()

    def __enter__(self) -> NotebookBar:
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw()

    def trial_started(self, trial: Trial) -> None:
        """A trial has begun, or begins again on another worker."""
        super().trial_started(trial)
        self._draw()

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """A trial has finished an epoch."""
        super().epoch_ended(trial, metrics)
        self._draw()

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has ended."""
        super().trial_ended(result)
        self._draw()

    def _draw(self) -> None:
        if self.total:  # else everything was done before, and there is nothing to wait for
            self._bar.draw(self.share_done * self.total, self.total, self.headline())
