"""Processes of a Ray that this one started: where one dies, the search is told at once.

Ray itself tries for a minute, says a paragraph, and ends this process without a word of ours.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from data_prep.command_line.console import STDERR
from data_prep.errors import InputError
from search.ray_tune.failures import keeper, own_words
from search.ray_tune.failures.interruption import interrupt_from_within
from search.ray_tune.failures.sentences import AGAIN

_NEEDED = ("gcs_server", "raylet")
_EVERY_S = 1.0
_ASKS_S = 10.0  # between two questions to a GCS
_SILENT_S = 60.0  # as long as Ray itself waits for its GCS, where it notices at all
_SAYS_S = 5.0  # that Ray has to say itself why it cannot start
_HEARS_S = 25.0  # that the main thread has to end, before Ray ends it without a word after a minute


class RayProcesses:
    """What Ray needs, its processes here or another's GCS; `died` names what is gone, "" before."""

    def __init__(self) -> None:
        self.died = ""
        self.keeper: Keeper | None = None
        self.address = ""  # of another's GCS, such as "10.0.0.7:6379"
        self.answered = 0.0  # when (monotonic) it did so last
        self._known: dict[int, str] = {}
        self._of_before: set[int] = set()

    def begin(self) -> None:
        """Forgets all of a Ray that has ended, and what is left of it."""
        self.died = ""
        self._known.clear()
        self._of_before = {pid for pid in _children() if not _lives(pid)}

    def look(self) -> None:
        """Notes what has begun, and what has died since the last look."""
        for pid in _children():
            # also one that died before anybody saw it live
            if (name := _name(pid)) in _NEEDED and pid not in self._of_before:
                self._known[pid] = name
        self.died = next((name for pid, name in self._known.items() if not _lives(pid)), "")
        if self.address and time.monotonic() - self.answered > _ASKS_S:
            if _listens(self.address):
                self.answered = time.monotonic()
            elif time.monotonic() - self.answered > _SILENT_S:
                self.died = f"GCS at {self.address}"
        if self.died and self.keeper:
            self.keeper.tell(f"error: {self.said}")

    @property
    def said(self) -> str:
        """The sentence on what has died."""
        return f"Ray failed, as its {self.died} died; {AGAIN}"


_here = RayProcesses()  # from one watch to the next


@contextmanager
def watched_processes() -> Iterator[RayProcesses]:
    """Interrupts the main thread when one of Ray's processes dies, on systems that tell of processes.

    Raises InputError where one has died since the last watch.
    """
    processes, over = _here, threading.Event()
    processes.answered = time.monotonic()
    if not ray.is_initialized():
        processes.begin()
    processes.look()
    if processes.died:  # since the last watch: the next call of Ray's would end this process without a word
        raise InputError(processes.said)

    def keep_looking() -> None:
        while not over.wait(_EVERY_S) and not processes.died:
            processes.look()
        starts = not ray.is_initialized()
        if processes.died and not over.wait(_SAYS_S if starts else 0.0):
            interrupt_from_within()
            # it may be in compiled code, which hears nothing: while Ray starts it mostly is
            if not over.wait(_SAYS_S if starts else _HEARS_S):
                os._exit(1)  # the keeper says why, and ends what is left

    watcher = threading.Thread(target=keep_looking, name="Ray's processes", daemon=True)
    watcher.start()
    try:
        yield processes
    finally:
        over.set()
        watcher.join()


def leave_ray() -> None:
    """Leaves Ray; what it held back of its notes goes where its compiled code writes."""
    with os.fdopen(os.dup(STDERR), "w") as words, contextlib.redirect_stdout(words):
        ray.shutdown()


class Keeper:
    """Process that ends what is left of a Ray as soon as this one closes it, or has ended.

    That is a Ray which this process begins from now on, where it uses none at an `address`. If this process
    has ended by no way of ours, that is said: code of Ray's ends a process without a word where the raylet is
    gone, or the GCS for a minute. The raylet's workers and agents look now and then whether it lives.
    """

    def __init__(self, address: str | None = None) -> None:
        is_told = address and ":" in address and "//" not in address  # not auto, nor ray://…
        _here.address = address if address and is_told else ""
        if _here.keeper:  # of a Ray that did not begin
            _here.keeper.close()
        since = time.strftime("%Y-%m-%d_%H-%M-%S") if address is None else ""  # as Ray writes it
        words = str(os.getpid()), since, *map(str, own_words.log()), AGAIN
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=own_words.screen(),
            start_new_session=True,  # Ctrl-C is for this process
            text=True,
        )
        _here.keeper = self
        atexit.register(self.tell, "")  # what is to be said was said, and Ray has still to end itself

    def tell(self, sentence: str) -> None:
        """Has the keeper say this once this process has ended, and nothing where it is empty."""
        with contextlib.suppress(BrokenPipeError):
            print(sentence, file=self._process.stdin, flush=True)

    def close(self) -> None:
        """Ends what is left, and the keeper, without a word."""
        atexit.unregister(self.tell)
        self.tell("")
        self._process.communicate()
        _here.keeper = None


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SAYS_S).close()
    except OSError:
        return False
    return True


def _children() -> list[int]:
    """Returns the processes that this one began in any of its threads."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found += [int(child) for child in path.read_text().split()]
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")  # ended, and nobody has asked how
