"""Process that logs to Weights & Biases: what it is told becomes runs, online or in a folder.

It is a process of its own because wandb waits for its server when it begins a run, when it ends one, and
when its process ends; here nobody waits with it, and it can be ended at any moment.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import shutil
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from search.trackers.wandb.logged_runs import Destination
from search.trackers.wandb.runs import FAILED, HASTE, WandbRuns, in_short


def serve(connection: Connection, destination: Destination) -> None:
    """Does what `connection` says: pairs of a method of WandbRuns and its arguments, and None at the end."""
    _keep_to_itself(destination)
    shutil.rmtree(destination.unfinished, ignore_errors=True)
    runs = WandbRuns(destination, connection.send)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox, runs), daemon=True).start()
    while message := inbox.get():
        name, values = message
        try:
            getattr(runs, name)(*values)
        except Exception as error:  # whatever wandb raises: the next run may go well
            connection.send((FAILED, f"{type(error).__name__}: {in_short(error)}"))
    runs.close()
    os._exit(0)  # without wandb's own waiting


def _receive(connection: Connection, inbox: queue.SimpleQueue[Any], runs: WandbRuns) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):  # the search is gone
            os._exit(1)
        if message == HASTE:  # it overtakes all that is waiting to be logged
            runs.in_haste.set()
        else:
            inbox.put(message)


def _keep_to_itself(destination: Destination) -> None:
    """Ignores Ctrl-C, prints nothing, and writes below the study's folder only."""
    # Ctrl-C reaches all processes of a terminal; when this one ends, the search decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ |= {
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DATA_DIR": str(destination.runs / "data"),
        "WANDB_CACHE_DIR": str(destination.runs / "cache"),
        "WANDB_ARTIFACT_DIR": str(destination.runs / "artifacts"),
    }
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)  # by number: the process that wandb starts has these, too


class Teller:
    """The process that logs, and the thread that tells it."""

    def __init__(self, destination: Destination) -> None:
        self._unfinished = destination.unfinished
        context = multiprocessing.get_context("spawn")  # a fork would have Ray's locks, without its threads
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, destination), daemon=True)
        with _ignoring_ctrl_c():  # the process inherits it
            self._process.start()
        theirs.close()  # so that the end of the process is heard as that of the pipe
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

    def is_at_work(self, seconds: float) -> bool:
        """Returns whether it has not ended in `seconds`."""
        self._process.join(seconds)
        return self._process.is_alive()

    def end(self) -> None:
        """Ends the process, whatever it does, and removes what it leaves unfinished."""
        self._process.kill()
        self._process.join()
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def _send(self) -> None:
        try:
            while True:
                self._connection.send(self._outbox.get())  # waits where the pipe is full
        except OSError:  # the process has ended
            return


@contextlib.contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # Python takes signals from no other
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
