"""What a person sees while trials run: a live table on a terminal, one line per trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from data_prep.command_line.notebook import in_notebook
from search.callbacks.notebook_bar import NotebookBar
from search.callbacks.progress import Progress, Running
from search.study.descriptions import clock_time
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import Trial, TrialResult, TrialStatus

_BAR = 16  # columns


def progress_on(console: Console, title: str, total: int, label: Callable[[Trial], str]) -> Progress:
    """Returns what shows `total` trials called by `label`: a bar in a notebook, else lines and a table."""
    if in_notebook():
        return NotebookBar(title, total, label)
    return ProgressDisplay(title, total, label, console)


class ProgressDisplay(Progress):
    """Shows `total` trials called by `label`; a context manager.

    The console should be standard error, so that standard output stays for results.
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
        super().__init__(title, total, label, clock=clock)
        self._console = console
        self._live = Live(
            get_renderable=self._table,
            console=console,
            refresh_per_second=4,
            transient=True,  # by the end each trial has its line
            redirect_stdout=False,  # the session has it, and tells Ray's own words from others
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def trial_started(self, trial: Trial) -> None:
        """A trial has begun, or begins again on another worker.

        The live table appears with the first: until then the terminal belongs to the features' progress.
        """
        super().trial_started(trial)
        if self._console.is_terminal:
            self._live.start()  # does nothing where it has started

    def trial_begins_again(self, trial: Trial, why: str) -> None:
        """A worker failed, which gets a line."""
        super().trial_begins_again(trial, why)
        self._console.print(f"{self.title} {self.label(trial)}: {why}", highlight=False, soft_wrap=True)

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has ended; it gets its line."""
        super().trial_ended(result)
        self._console.print(
            f"{self.title.removeprefix('stage ')} {self.label(result.trial)}: "
            f"{_outcome(result, self.objective)} ({self.done}/{self.total}{self._left()})",
            highlight=False,
            soft_wrap=True,
        )

    def _left(self) -> str:
        seconds = self.seconds_left
        return "" if seconds is None or self.done == self.total else f", {clock_time(seconds)} left"

    def _table(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("trial", overflow="fold")  # so that the figures are seen on 80 columns, too
        table.add_column("epoch", justify="right", no_wrap=True)
        table.add_column("", width=_BAR)
        for name in ("loss", "val acc", self.objective.short_name):
            table.add_column(name, justify="right", no_wrap=True)
        for running in self.running.values():
            table.add_row(*self._row(running))
        return Group(Text(self.headline(), style="bold"), table)

    def _row(self, running: Running) -> tuple[RenderableType, ...]:
        label, total = self.label(running.trial), running.trial.config.epochs
        if not running.epochs:
            return label, f"0/{total}", ProgressBar(total=total, completed=0, width=_BAR), "", "", ""
        last = running.epochs[-1]
        bar = ProgressBar(total=total, completed=last.epoch, width=_BAR)
        figures = (last.loss, last.val_accuracy, self.objective.of_epochs(running.epochs))
        return label, f"{last.epoch}/{total}", bar, *(f"{figure:.4f}" for figure in figures)


def _outcome(result: TrialResult, objective: Objective) -> str:
    if result.status is not TrialStatus.COMPLETED:
        return f"{result.status.value}: {result.reason}" if result.reason else result.status.value
    return f"{_value(result, objective)}, best {result.best_val_accuracy:.4f}, {result.seconds:.0f} s"


def _value(result: TrialResult, objective: Objective) -> str:
    """Returns the objective as "mean 0.8738": a line is to fit 80 columns, and tables have the whole name."""
    name = "mean" if objective == OBJECTIVE else objective.short_name
    return f"{name} {objective.of(result):.4f}"
