"""Processes of a Ray that this one started: where one dies, the search is told at once.

Ray itself tries for a minute, says a paragraph, and ends this process without a word of ours.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from search.ray_tune.failures.interruption import interrupt_from_within

_NEEDED = ("gcs_server", "raylet")
_EVERY_S = 1.0


class RayProcesses:
    """What Ray needs on this machine; `died` is the name of what is gone, "" while nothing is."""

    def __init__(self) -> None:
        self.died = ""
        self._known: dict[int, str] = {}

    def look(self) -> None:
        """Notes what has begun, and what has died since the last look."""
        for pid in _children():
            if (name := _name(pid)) in _NEEDED:
                self._known[pid] = name
        self.died = next((name for pid, name in self._known.items() if not _lives(pid)), "")


@contextmanager
def watched_processes() -> Iterator[RayProcesses]:
    """Interrupts the main thread when one of Ray's processes dies, on systems that tell of processes."""
    processes, over = RayProcesses(), threading.Event()

    def keep_looking() -> None:
        while not over.wait(_EVERY_S) and not processes.died:
            if ray.is_initialized():  # before, Ray itself says why it cannot start
                processes.look()
        if processes.died and not over.is_set():
            interrupt_from_within()

    watcher = threading.Thread(target=keep_looking, name="Ray's processes", daemon=True)
    watcher.start()
    try:
        yield processes
    finally:
        over.set()
        watcher.join()


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


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
