"""Ends the workers of a Ray among all processes of the machine, where there may be other Rays."""

from __future__ import annotations

import contextlib
import os
import signal

from benchmarks.programs import processes_below


def kill_training(driver: int) -> list[int]:
    """Ends with SIGKILL the processes that train for the driver with that process number; returns theirs."""
    found = list(processes_below(driver, "ray::ImplicitFunc"))
    for pid in found:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, signal.SIGKILL)
    return found
