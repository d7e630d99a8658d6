"""Finds the workers of a Ray among all processes of the machine, where there may be other Rays."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def kill_training(driver: int) -> list[int]:
    """Ends with SIGKILL the processes that train for the driver with that process number; returns theirs."""
    found = list(_training_processes(driver))
    for pid in found:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, signal.SIGKILL)
    return found


def _training_processes(driver: int) -> Iterator[int]:
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            trains = b"ray::ImplicitFunc" in command.read_bytes()
            if trains and driver in _ancestors(int(command.parent.name)):
                yield int(command.parent.name)
        except OSError:
            continue  # it has ended meanwhile


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
