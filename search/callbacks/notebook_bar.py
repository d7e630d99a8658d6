"""The progress of a search in a notebook: one bar, which is drawn anew in its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from types import TracebackType
from typing import Any

from search.callbacks.progress import Progress
from trainables.trial import EpochMetrics, Trial, TrialResult


class NotebookBar(Progress):
    """Shows `total` trials called by `label` as a bar with a line of text.

    It needs nothing but IPython, which every notebook has: rich and tqdm ask for ipywidgets, and warn
    where they are missing. `place` is what IPython.display.display gives; where there is none it is made.
    """

    def __init__(
        self,
        title: str,
        total: int,
        label: Callable[[Trial], str],
        *,
        place: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(title, total, label, clock=clock)
        self._place = place

    def __enter__(self) -> NotebookBar:
        if self.total:  # else everything was done before, and there is nothing to wait for
            self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.total:
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
        from IPython.display import HTML, display  # is there where a notebook is

        bar = f'<progress value="{self.trials_done:.2f}" max="{self.total}"></progress>'
        drawn = HTML(f"<div>{bar} {escape(self.headline())}</div>")
        if self._place is None:
            self._place = display(drawn, display_id=True)
        else:
            self._place.update(drawn)
