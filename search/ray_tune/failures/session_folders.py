"""Folders below TMPDIR/ray in which a Ray that was started here keeps its logs: they go when it ends."""

from __future__ import annotations

import contextlib
import shutil
import socket
from pathlib import Path

from search.study.live_state import is_alive

_MARK = "started-by-stagewise"  # in a folder of ours, with the name of the host


def mark(session: Path) -> None:
    """Marks the folder of a Ray that this process started; removes those of processes that were killed.

    Nobody else on the machine reads it from now on, nor the token that lets in to this Ray.
    """
    for private, mode in ((session, 0o700), (Path("~/.ray/auth_token").expanduser(), 0o600)):
        with contextlib.suppress(OSError):  # no such file, or another's
            private.chmod(mode)
    with contextlib.suppress(OSError):
        (session / _MARK).write_text(socket.gethostname(), "utf-8")
    for other in session.parent.glob("session_*_*"):
        if other != session and _is_left(other):
            remove(other)


def remove(session: Path) -> None:
    """Removes the folder of a Ray that has ended; processes of its may write their last words meanwhile."""
    shutil.rmtree(session, ignore_errors=True)


def _is_left(session: Path) -> bool:
    pid = session.name.rpartition("_")[2]
    try:
        is_ours = (session / _MARK).read_text("utf-8") == socket.gethostname()
    except OSError:
        return False
    return is_ours and pid.isdecimal() and not is_alive(int(pid))
