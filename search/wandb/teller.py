"""The process that logs to Weights & Biases, as the search sees it: told without waiting, ended at will."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import shutil
import signal
import threading
from collections.abc import Iterator
from typing import Any

from search.wandb.note import Place
from search.wandb.serve import serve


class Teller:
    """The process that logs, and the thread that tells it."""

    def __init__(self, place: Place) -> None:
        self._unfinished = place.unfinished
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
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
