"""A study in Weights & Biases: a run a trial, grouped by study and stage, and a summary run a stage.

Nothing here waits for W&B while a search runs: another process logs (`search.wandb_runs`), a thread tells it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import multiprocessing
import queue
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from search.ledger import Ledger
from search.results import Entry, StageResult
from search.run_names import run_name, stage_of
from search.stages import show_value
from search.wandb_note import FOLDER, OFFLINE, ONLINE, Note, Place, Run, plain
from search.wandb_runs import DONE, FAILED, HASTE, REFUSED, serve
from trainables.trial import EpochMetrics, Trial, TrialResult

WAIT_S = 20.0  # how long the end of a search waits for a slow server, in all


class WandbLog:
    """Tells the process that logs what happens; a Watcher.

    A trial of the ledger that was not logged is logged with the stage that reuses it, so that each is there
    once, and a search that was interrupted completes what is missing. `say` gets the one line at the end.
    """

    def __init__(
        self, place: Place, ledger: Ledger, say: Callable[[str], None], *, wait_s: float = WAIT_S
    ) -> None:
        self._place, self._ledger, self._say, self._wait_s = place, ledger, say, wait_s
        self._note = Note(place)
        self._stage = ""
        self._asked: set[str] = set()
        self._done: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._teller: _Teller | None = None

    def begun(self, search: str, trials: int) -> None:
        """Notes the stage that the next trials are of."""
        self._stage = stage_of(search)

    def started(self, trial: Trial) -> None:
        """Begins the trial's run."""
        self._tell("start", self._run_of(trial, self._stage))

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Logs an epoch."""
        self._tell("log", self._id(trial.key), metrics.epoch, _row(metrics))

    def ended(self, result: TrialResult) -> None:
        """Completes the trial's run."""
        self._hear()
        self._end(result, self._stage)

    def finished(self, result: StageResult) -> None:
        """Logs the stage, what it reused and was not logged, and tags the winner."""
        keys = {key for entry in result.entries for key in entry.trials}
        for key in sorted(keys | set((result.search or {}).get("trials", ()))):
            logged = None if self._id(key) in self._asked else self._note.find(self._id(key))
            reused = None if self._id(key) in self._asked else self._ledger.find_key(key)
            if reused and (logged is None or logged.state != reused.status.value):
                self._end(reused, result.stage)
        run, state = self._summary_run(result), _state_of(result)
        known = self._note.find(run.id)
        if known is None or known.state != state:
            self._asked.add(run.id)
            self._tell("stage", run, state, result, [_table_row(entry, result) for entry in result.entries])
            if result.winner:
                winners = [self._id(key) for key in result.entry_of(result.winner).trials]
                self._tell("tag", f"winner of {result.stage}", winners)

    def close(self) -> None:
        """Says what was logged, after a bounded time for what has not been yet; Ctrl-C leaves no time."""
        if self._teller is None:
            return
        try:
            if not isinstance(sys.exception(), KeyboardInterrupt):
                self._teller.wait(self._wait_s)
        finally:
            self._hear()
            self._teller.end()
            if self._asked:
                self._say(f"W&B       {self._balance()}")

    def _tell(self, method: str, *values: object) -> None:
        if self._teller is None:
            self._teller = _Teller(self._place)
        self._teller.tell((method, values))

    def _hear(self) -> None:
        for kind, *values in self._teller.heard() if self._teller else ():
            if kind == DONE:
                self._done[values[0]] = values[1]
            else:
                self._troubles[kind] = values[0]

    def _end(self, result: TrialResult, stage: str) -> None:
        run = self._run_of(result.trial, stage)
        self._asked.add(run.id)
        rows = {metrics.epoch: _row(metrics) for metrics in result.epochs}
        self._tell("end", run, result.status.value, rows, _summary(result))

    def _id(self, key: str) -> str:
        return f"{plain(self._place.study.name)}-{key}"

    def _run_of(self, trial: Trial, stage: str) -> Run:
        config = {
            name: show_value(value) if isinstance(value, list) else value
            for name, value in trial.config.to_dict().items()
        }
        facts = {name: getattr(trial, name) for name in ("split", "data_digest", "weights", "keras_backend")}
        return Run(
            id=self._id(trial.key),
            name=run_name(trial, stage),
            group=f"{self._place.study.name}/{stage}",
            job_type=stage,
            tags=(stage,),
            config={"study": self._place.study.name, "stage": stage, **config, **facts, "key": trial.key},
        )

    def _summary_run(self, result: StageResult) -> Run:
        name = result.stage if result.sweep == 1 else f"{result.stage}.{result.sweep}"
        study = self._place.study.name
        return Run(
            id=f"{plain(study)}-stage-{name}",
            name=f"stage {name}",
            group=f"{study}/{result.stage}",
            job_type="summary",
            tags=(result.stage, "summary"),
            config={"study": study, "stage": result.stage, "sweep": result.sweep, **result.base.to_dict()},
        )

    def _why(self, kind: str) -> str:
        return f" ({self._troubles[kind]})" if kind in self._troubles else ""

    def _balance(self) -> str:
        """Returns in one sentence what was sent, what lies in the folder, and how to send it."""
        kept = [run for run in self._asked if self._done.get(run) == OFFLINE]
        sent = [run for run in self._asked if self._done.get(run) == ONLINE]
        missing = len(self._asked) - len(kept) - len(sent)
        words = [f"{len(sent)} runs sent"] if sent else []
        if kept:
            folder = shlex.quote(str(self._place.study / FOLDER))
            why = self._why(REFUSED)
            words.append(f"{len(kept)} kept here{why}; to send them: wandb sync {folder}/offline-run-*")
        if missing:
            words.append(f"{missing} not logged{self._why(FAILED)}, the same command again does it")
        return "; ".join(words)


class _Teller:
    """The process that logs, and the thread that tells it."""

    def __init__(self, place: Place) -> None:
        context = multiprocessing.get_context("spawn")
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, place), daemon=True)
        with _ignoring_ctrl_c():  # the process inherits it
            self._process.start()
        theirs.close()
        threading.Thread(target=self._send, daemon=True).start()

    def tell(self, message: object) -> None:
        """Passes `message` on; never waits."""
        self._outbox.put(message)

    def heard(self) -> Iterator[Any]:
        """Yields what the process has said since."""
        try:
            while self._connection.poll():
                yield self._connection.recv()
        except (EOFError, OSError):
            return

    def wait(self, seconds: float) -> None:
        """Waits until all is logged; after half of the time W&B is not asked any more."""
        self.tell(None)
        self._process.join(seconds / 2)
        if self._process.is_alive():
            self.tell(HASTE)
            self._process.join(seconds / 2)

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.join()

    def _send(self) -> None:
        try:
            while True:
                self._connection.send(self._outbox.get())  # waits where the pipe is full
        except OSError:  # the process has ended
            return


@contextlib.contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _row(metrics: EpochMetrics) -> dict[str, float]:
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    values = {name: getattr(metrics, name) for name in names}
    return {**values, "epoch_learning_rate": metrics.learning_rate}


def _summary(result: TrialResult) -> dict[str, Any]:
    return {
        "status": result.status.value,
        "reason": result.reason,
        "mean_val_accuracy": _finite(result.mean_val_accuracy),
        "best_val_accuracy": _finite(result.best_val_accuracy),
        "best_epoch": result.best_epoch,
        "train_seconds": result.seconds,
    }


def _table_row(entry: Entry, result: StageResult) -> Mapping[str, Any]:
    standing = "winner" if entry.config == result.winner else "tied" if entry.tied else ""
    value = "" if entry.value is None else show_value(entry.value)
    return {
        "value": value or json.dumps(entry.config.to_dict()),
        "standing": standing,
        "mean_val_accuracy": _finite(entry.mean),
        "spread": _finite(entry.spread),
        "best_val_accuracy": _finite(entry.best_val_accuracy),
        "best_epoch": entry.best_epoch,
        "runs": len(entry.trials),
        "winner_less_this": entry.difference,
        "p_value": entry.p_value,
        "status": entry.status,
        "reason": entry.reason,
        "seconds": entry.seconds,
    }


def _state_of(result: StageResult) -> str:
    """Returns what differs where a stage found something else than before."""
    values = result.to_dict()
    for name in ("finished_at", "seconds"):
        del values[name]
    for entry in values["entries"]:
        del entry["reused"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
