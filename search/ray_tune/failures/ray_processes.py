"""Processes of a Ray that this one started: where one dies, the search is told at once.

Ray itself tries for a minute, says a paragraph, and ends this process without a word of ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import ray

from data_prep.errors import InputError
from search.ray_tune.failures.interruption import interrupt_from_within
from search.ray_tune.failures.sentences import AGAIN

_NEEDED = ("gcs_server", "raylet")
_KEEPER = """
import contextlib, os, signal, sys
known = []
for line in sys.stdin:
    with contextlib.suppress(OSError):
        known.append(os.pidfd_open(int(line)))  # not the id, which another process may have later
for process in known:
    with contextlib.suppress(OSError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
"""
_SHOW_CURSOR = "\x1b[?25h"  # which a progress display hides
_EVERY_S = 1.0
_SAYS_S = 5.0  # that Ray has to say itself why it cannot start
_HEARS_S = 25.0  # that the main thread has to end, before Ray ends it without a word after a minute


class RayProcesses:
    """What Ray needs on this machine; `died` is the name of what is gone, "" while nothing is."""

    def __init__(self) -> None:
        self.died = ""
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

    @property
    def said(self) -> str:
        """The sentence on what has died."""
        return f"Ray failed, as its {self.died} died; {AGAIN}"

    def end_all(self) -> NoReturn:
        """Ends this process with the sentence, and what is left of Ray's."""
        for pid in [below for known in self._known for below in _below(known)]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        shown_again = _SHOW_CURSOR if sys.stderr.isatty() else ""
        print(f"{shown_again}error: {self.said}", file=sys.stderr, flush=True)
        os._exit(1)


_here = RayProcesses()  # from one watch to the next


@contextmanager
def watched_processes() -> Iterator[RayProcesses]:
    """Interrupts the main thread when one of Ray's processes dies, on systems that tell of processes.

    Raises InputError where one has died since the last watch.
    """
    processes, over = _here, threading.Event()
    if not ray.is_initialized():
        processes.begin()
    processes.look()
    if processes.died:  # since the last watch: the next call of Ray's would end this process without a word
        raise InputError(processes.said)

    def keep_looking() -> None:
        while not over.wait(_EVERY_S) and not processes.died:
            processes.look()
        if processes.died and not over.wait(0.0 if ray.is_initialized() else _SAYS_S):
            interrupt_from_within()
            # it may be in compiled code, which hears nothing
            if not over.wait(_HEARS_S):
                processes.end_all()

    watcher = threading.Thread(target=keep_looking, name="Ray's processes", daemon=True)
    watcher.start()
    try:
        yield processes
    finally:
        over.set()
        watcher.join()


class Keeper:
    """Process that ends what is left of Ray's as soon as this one closes it, or has ended, even if killed.

    The raylet's workers and agents look only now and then whether it lives, and tell a GCS that is gone.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process
            text=True,
        )
        self.look()

    def look(self) -> None:
        """Has the keeper know the processes below the raylet of now."""
        raylets = [pid for pid in _children() if _name(pid) == "raylet"]
        with contextlib.suppress(BrokenPipeError):
            for pid in [below for raylet in raylets for below in _below(raylet)]:
                print(pid, file=self._process.stdin, flush=True)

    def close(self) -> None:
        """Ends what is left of the processes that the keeper knows."""
        self._process.communicate()


def _below(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _below(child)


def _children(pid: int | None = None) -> list[int]:
    """Returns the processes that this one, or another, began in any of its threads."""
    found: list[int] = []
    for path in Path(f"/proc/{pid or os.getpid()}/task").glob("*/children"):
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
