"""Processes that are known by a variable which all that come of a command inherit."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

MARK = "STAGEWISE_SOAK"


def marked(mark: str) -> list[int]:
    """Returns the processes whose variable MARK is `mark`."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
    return found


def end_marked(mark: str) -> None:
    """Ends the processes whose variable MARK is `mark`."""
    for pid in marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def command_of(pid: int) -> bytes:
    """Returns the command of a process, with spaces; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""
