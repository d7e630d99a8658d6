"""What a person sees while trials run: a live table on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.callbacks.callback import Callback
from search.study.descriptions import clock_time
from trainables.trial import EpochMetrics, Trial, TrialResult, TrialStatus

_BAR = 16  # columns


@dataclass
class Running:
    """A trial in training: its epochs so far."""

    trial: Trial
    epochs: list[EpochMetrics] = field(default_factory=list)

    @property
    def mean_val_accuracy(self) -> float:
        """The running objective; call it after the first epoch."""
        return sum(metrics.val_accuracy for metrics in self.epochs) / len(self.epochs)


class ProgressDisplay(Callback):
    """Shows `total` trials called by `label`; a context manager.

    `quiet` shows nothing. The console should be standard error, so that standard output stays for results.
    """

    def __init__(
        self,
        title: str,
        total: int,
        label: Callable[[Trial], str],
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._total = total
        self._label = label
        self._console = console
        self._clock = clock
        self._started = clock()
        self._running: dict[str, Running] = {}
        self._best: tuple[float, str] | None = None
        self.done = 0
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def trial_started(self, trial: Trial) -> None:
        """A trial has begun, or begins again on another worker.

        The live table appears with the first: until then the terminal belongs to the features' progress.
        """
        if not self._running and not self.done:
            self._started = self._clock()  # what was before, Ray's start and features, is no pace of trials
        if self._console.is_terminal:
            self._live.start()  # does nothing where it has started
        self._running[trial.key] = Running(trial)

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """A trial has finished an epoch."""
        self._running.setdefault(trial.key, Running(trial)).epochs.append(metrics)

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has ended; it gets its line."""
        self._running.pop(result.trial.key, None)
        self.done += 1
        label = self._label(result.trial)
        if result.status is TrialStatus.COMPLETED and (
            self._best is None or result.mean_val_accuracy > self._best[0]
        ):
            self._best = (result.mean_val_accuracy, label)
        self._console.print(
            f"{self._title} {label}: {_outcome(result)} ({self.done}/{self._total}{self._left()})",
            highlight=False,
            soft_wrap=True,
        )

    def _left(self) -> str:
        seconds = self._seconds_left()
        return "" if seconds is None or self.done == self._total else f", {clock_time(seconds)} left"

    def _seconds_left(self) -> float | None:
        """Returns the time left at the pace so far, counting epochs; None before the first epoch."""
        share = self.done + sum(
            len(running.epochs) / running.trial.config.epochs for running in self._running.values()
        )
        if not share:
            return None
        return (self._clock() - self._started) * (self._total - share) / share

    def _table(self) -> RenderableType:
        seconds = self._seconds_left()
        left = "starting" if seconds is None else f"{clock_time(seconds)} left"
        best = f" · best {self._best[0]:.4f} ({self._best[1]})" if self._best else ""
        head = Text(f"{self._title}: {self.done} of {self._total} trials{best} · {left}", style="bold")
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("trial", overflow="fold")  # so that the figures are seen on 80 columns, too
        table.add_column("epoch", justify="right", no_wrap=True)
        table.add_column("", width=_BAR)
        for name in ("loss", "val acc", "mean val acc"):
            table.add_column(name, justify="right", no_wrap=True)
        for running in self._running.values():
            table.add_row(*self._row(running))
        return Group(head, table)

    def _row(self, running: Running) -> tuple[RenderableType, ...]:
        label, total = self._label(running.trial), running.trial.config.epochs
        if not running.epochs:
            return label, f"0/{total}", ProgressBar(total=total, completed=0, width=_BAR), "", "", ""
        last = running.epochs[-1]
        bar = ProgressBar(total=total, completed=last.epoch, width=_BAR)
        figures = (last.loss, last.val_accuracy, running.mean_val_accuracy)
        return label, f"{last.epoch}/{total}", bar, *(f"{figure:.4f}" for figure in figures)


def _outcome(result: TrialResult) -> str:
    if result.status is not TrialStatus.COMPLETED:
        return f"{result.status.value}: {result.reason}" if result.reason else result.status.value
    return (
        f"mean val accuracy {result.mean_val_accuracy:.4f}, best {result.best_val_accuracy:.4f} "
        f"in epoch {result.best_epoch}, {result.seconds:.1f} s"
    )
