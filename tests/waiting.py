"""Waiting for other processes: for a bounded time, with a message that says for what."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
PATIENCE_S = 120  # a process takes seconds to start, and ten times that where others keep all cores busy
SEARCH_S = 600  # a whole search takes one minute, and with others beside it five
LOOK_S = 0.02


def wait_until(holds: Callable[[], T], what: str, *, seconds: float = PATIENCE_S) -> T:
    """Returns the first true answer of `holds`; fails where there is none in `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        looked = time.monotonic()
        if answer := holds():
            return answer
        now = time.monotonic()
        if now > deadline:
            pytest.fail(f"waited {seconds:g} s in vain until {what}")
        time.sleep(max(LOOK_S, now - looked))  # what is waited for gets at least half of the time


@contextmanager
def running(command: list[str], folder: Path, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Runs a command in a process group of its own; what is left of it at the end of the block is killed."""
    with subprocess.Popen(command, cwd=folder, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def is_listening(port: int) -> bool:
    """Whether somebody takes connections at this port of this machine."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Returns a port that is free; it is one of those that the system gives nobody who asks for any."""
    ports = list(range(20_000, 32_000))  # from 32768 on it gives them away, also before ours is used
    random.SystemRandom().shuffle(ports)
    return next(port for port in ports if _is_free(port))


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def has_ended(pid: int) -> bool:
    """Whether a process has ended, also where nobody has asked for its exit code yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"
