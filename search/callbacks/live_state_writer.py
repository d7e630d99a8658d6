"""Writer of the live state of a run: a callback that keeps `live.json` while the run lasts."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from data_prep.errors import InputError, reason_of
from data_prep.storage.json_files import json_number, write_json
from search.callbacks.callback import Callback
from search.callbacks.progress import Progress, Running
from search.study.formats import LIVE
from search.study.layout import Layout
from search.study.live_state import LiveState
from search.study.search_id import SearchId
from search.study.stage_results import Result
from trainables.trial import EpochMetrics, Trial, TrialResult, TrialStatus

WRITE_S = 1.0  # the file is written at most that often
HEARTBEAT_S = 5.0  # and at least that often
_KEY = attrgetter("key")  # nobody reads what a trial is called here
_CLOSE_S = 5.0  # a storage that hangs delays the end of a search no longer


class LiveStateWriter(Callback):
    """Keeps `live.json` of the study in `folder` while a run lasts.

    A thread of its own writes it, whole or not at all; a write that fails costs a warning, never the
    search. `cluster` tells what is known of Ray's nodes, as JSON values, whenever the file is written.
    """

    def __init__(
        self,
        folder: Path,
        asked: Mapping[str, Any],
        *,
        cluster: Callable[[], Mapping[str, Any]] = dict,
        every_s: float = WRITE_S,
    ) -> None:
        self._path, self._asked, self._cluster, self._every_s = Layout(folder).live, asked, cluster, every_s
        self._started_at = time.time()
        self._search: SearchId | None = None
        self._begun_at, self._finished, self._progress = self._started_at, False, Progress("", 0, _KEY)
        self._failed: list[dict[str, Any]] = []
        self._warned, self._reason = False, ""
        self._lock = threading.Lock()  # callbacks change what the thread reads
        self._changed, self._closing = threading.Event(), threading.Event()
        self._changed.set()  # the first file is written at once
        # daemon: a storage that hangs keeps no process alive
        self._thread = threading.Thread(target=self._keep_writing, name="live state", daemon=True)
        self._thread.start()

    def search_began(self, search: SearchId, trials: int) -> None:
        """Notes a new search, or more trials of the same."""
        with self._lock:
            if search != self._search or self._finished:
                self._search, self._begun_at, self._finished = search, time.time(), False
                self._progress = Progress(str(search), 0, _KEY)
            self._progress.total += trials
        self._changed.set()

    def trials_planned(self, trials: Sequence[Trial]) -> None:
        """Notes which trials these are, whose costs the time left counts."""
        with self._lock:
            self._progress.trials_planned(trials)

    def trial_started(self, trial: Trial) -> None:
        """Notes a trial in training; one that goes on keeps its epochs."""
        with self._lock:
            self._progress.trial_started(trial)
        self._changed.set()

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Notes an epoch; a trial that was started again repeats those after its last checkpoint."""
        with self._lock:
            self._progress.epoch_ended(trial, metrics)
        self._changed.set()

    def trial_ended(self, result: TrialResult) -> None:
        """Notes that a trial has ended, and why if it failed."""
        with self._lock:
            ran = self._progress.running.get(result.trial.key, Running(result.trial))
            self._progress.trial_ended(result)
            if result.status is TrialStatus.FAILED:
                self._failed.append({**_values_of(ran), "reason": result.reason})
        self._changed.set()

    def search_finished(self, result: Result) -> None:
        """Notes that the search is decided."""
        with self._lock:
            self._finished = True
        self._changed.set()

    def close(self) -> None:
        """Writes for the last time: whether the run ended or was interrupted, and why it failed."""
        if isinstance(error := sys.exception(), InputError):  # what the run ends with
            self._reason = str(error)
        self._closing.set()
        self._changed.set()
        self._thread.join(_CLOSE_S)

    def _keep_writing(self) -> None:
        while not self._closing.is_set():
            self._changed.wait(HEARTBEAT_S)
            self._changed.clear()
            if not self._closing.is_set():
                self._write(closing=False)
            self._closing.wait(self._every_s)  # unlike a sleep it ends when the run does
        self._write(closing=True)

    def _write(self, *, closing: bool) -> None:
        try:
            write_json(self._path, self._values(closing))
        except Exception as error:  # a full disk, a storage that is gone, a cluster that cannot be asked
            if not self._warned:
                # a storage that is waited for has a sentence of its own, on what stops the search
                reason = reason_of(error.__cause__ if isinstance(error.__cause__, OSError) else error)
                warnings.warn(f"{self._path} cannot be written ({reason}); the search goes on", stacklevel=1)
            self._warned = True

    def _values(self, closing: bool) -> dict[str, Any]:
        cluster = dict(self._cluster())  # before the lock: Ray may take long, and callbacks must not wait
        with self._lock:
            progress, is_done = self._progress, self._progress.done >= self._progress.total
            is_over = self._finished or self._search is None or (is_done and not progress.running)
            over = LiveState.ENDED if is_over else LiveState.INTERRUPTED
            return {
                "format": LIVE.number,
                "state": over if closing else LiveState.RUNNING,
                "search": str(self._search or ""),
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "started_at": _moment(self._started_at),
                "begun_at": _moment(self._begun_at),
                "written_at": _moment(time.time()),
                "expected": progress.total,
                "done": progress.done,
                "seconds_left": progress.seconds_left,
                "running": list(map(_values_of, progress.running.values())),
                "failed": list(self._failed),
                "asked": dict(self._asked),
                "cluster": cluster,
                "reason": self._reason,
            }


def _values_of(running: Running) -> dict[str, Any]:
    """Returns a trial as JSON values."""
    epochs = [
        {name: json_number(value) for name, value in epoch.to_dict().items()} for epoch in running.epochs
    ]
    return {
        "key": running.trial.key,
        "config": running.trial.config.to_dict(),
        "split": running.trial.split,
        "started_at": _moment(running.began_at),
        "epochs": epochs,
    }


def _moment(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
