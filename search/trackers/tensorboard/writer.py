"""Log of a study for TensorBoard: scalars of every epoch, and the HParams page with all stages as one table.

Below `<study>/tensorboard` each trial has one folder, in that of the stage that it was first met in.
"""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from search.callbacks.callback import Callback
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.stage_results import Result
from search.trackers.runs import HparamValue, hyperparameters_of, key_in, run_name
from search.trackers.tensorboard.event_file import EventFile, events_in
from search.trackers.tensorboard.hparams import Domains, hyperparameters_in, session_end, session_start
from trainables.objective import PROBABILITY_FIGURES
from trainables.trial import EpochMetrics, Trial, TrialResult, TrialStatus

_ENDED = "ended"  # an empty file beside the events of a trial that has all of them


class TensorBoard(Callback):
    """Writer of the trials of a study for TensorBoard.

    A trial from the ledger that a stage reuses is written where it is missing, so each is there once. What
    cannot be written is left out with one warning: no search ends for its pictures.
    """

    def __init__(self, study: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = Layout(study).tensorboard, ledger
        self._stage = ""
        self._running: dict[str, _Run] = {}
        self._broken = False
        self._domains = Domains()
        self._folders = {key_in(folder.name): folder for folder in self._folder.glob("*/*")}
        self._written = {key for key, folder in self._folders.items() if (folder / _ENDED).exists()}
        for key in self._written:
            # earlier processes' trials stand in the same table
            self._domains.add(_started_with(self._folders[key]))

    def search_began(self, search: SearchId, trials: int) -> None:
        """Notes the stage that the next trials are of."""
        self._stage = search.stage

    def trial_started(self, trial: Trial) -> None:
        """Begins the trial's events; what an earlier attempt left is removed.

        A trial that is trained again for its weights stays as it is.
        """
        if not self._is_complete(trial):
            self._attempt(lambda: self._open(trial, self._stage))

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Writes an epoch."""
        if trial.key in self._running:
            self._attempt(lambda: self._running[trial.key].write(metrics, time.time()))

    def trial_ended(self, result: TrialResult) -> None:
        """Completes the trial's events; writes them anew where they are not exactly those of `result`."""
        if not self._is_complete(result.trial):
            self._attempt(lambda: self._complete(result, self._stage))

    def search_finished(self, result: Result) -> None:
        """Writes what the stage reused and is missing here."""
        for key in result.trial_keys():
            reused = None if key in self._written else self._ledger.find_key(key)
            if reused:
                self._attempt(partial(self._complete, reused, result.stage))

    def close(self) -> None:
        """Closes the files of trials that were cut."""
        for run in self._running.values():
            self._attempt(run.close)
        self._running.clear()

    def _attempt(self, write: Callable[[], object]) -> None:
        if self._broken:
            return
        try:
            write()
        except OSError as error:
            self._broken = True
            warnings.warn(
                f"{self._folder} cannot be written ({error.strerror}); TensorBoard is left out from here on",
                stacklevel=3,
            )

    def _is_complete(self, trial: Trial) -> bool:
        known = self._ledger.find(trial) if trial.key in self._written else None
        return known is not None and known.status is TrialStatus.COMPLETED

    def _open(self, trial: Trial, stage: str) -> None:
        if trial.key in self._written:
            stage = self._folders[trial.key].parent.name  # it was first met there
        values = hyperparameters_of(trial, stage)
        if self._domains.add(values):
            self._write_domains()
        if trial.key in self._running:
            self._running.pop(trial.key).close()
        if trial.key in self._folders:
            shutil.rmtree(self._folders[trial.key])  # TensorBoard would join the curves of both attempts
        self._written.discard(trial.key)
        self._folders[trial.key] = folder = self._folder / stage / run_name(trial, stage)
        self._running[trial.key] = _Run(folder, session_start(trial, values, time.time()))

    def _complete(self, result: TrialResult, stage: str) -> None:
        key = result.trial.key
        if key not in self._running or self._running[key].epochs != list(result.epochs):
            self._open(result.trial, stage)
            # as if its last epoch had ended now: TensorBoard shows each curve over the time that it took
            when = time.time() - sum(metrics.seconds for metrics in result.epochs)
            for metrics in result.epochs:
                when += metrics.seconds
                self._running[key].write(metrics, when)
        self._running.pop(key).end(result.status)
        self._written.add(key)

    def _write_domains(self) -> None:
        """Writes which hyperparameters and metrics there are, in a file of its own at the top."""
        for earlier in self._folder.glob("events.*"):
            earlier.unlink()
        file = EventFile(self._folder)
        file.write(Event(wall_time=time.time(), summary=self._domains.experiment()))
        file.close()


class _Run:
    """Event file of one trial."""

    def __init__(self, folder: Path, start: Summary) -> None:
        self._folder = folder
        self.epochs: list[EpochMetrics] = []
        self._file = EventFile(folder)
        self._file.write(Event(wall_time=time.time(), summary=start))

    def write(self, metrics: EpochMetrics, when: float) -> None:
        """Writes an epoch that ended at `when`, and the objective as far as it is known with it."""
        self.epochs.append(metrics)
        so_far = [epoch.val_accuracy for epoch in self.epochs]
        event = Event(wall_time=when, step=metrics.epoch)
        for name, value in (
            ("mean_val_accuracy", sum(so_far) / len(so_far)),
            ("best_val_accuracy", max(so_far)),
            ("val_accuracy", metrics.val_accuracy),
            ("val_loss", metrics.val_loss),
            ("accuracy", metrics.accuracy),
            ("train_accuracy_at_inference", metrics.train_accuracy_at_inference),
            ("loss", metrics.loss),
            ("learning_rate", metrics.learning_rate),
            ("seconds", metrics.seconds),
            *((name, getattr(metrics, name)) for name in PROBABILITY_FIGURES),
        ):
            if value is not None:  # an earlier version did not record it, or no objective asked for it
                event.summary.value.add(tag=name, simple_value=value)
        self._file.write(event)

    def end(self, status: TrialStatus) -> None:
        """Says how the trial ended; the events are whole with it."""
        now = time.time()
        self._file.write(Event(wall_time=now, summary=session_end(status, now)))
        self.close()
        (self._folder / _ENDED).touch()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _started_with(folder: Path) -> Mapping[str, HparamValue]:
    """Returns the hyperparameters of the trial in `folder`; none where its file is damaged."""
    return next(filter(None, (hyperparameters_in(event.summary) for event in events_in(folder))), {})
