"""Keeper: a program beside a search, which does what is left to do when that has ended, even if killed.

It begins fast, without what the project needs. Its input ends with the search: then it ends all processes of
the Ray that the search began, and says the last line of the input, or what Ray said last where it is empty.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path

_ENDS_S = 5.0  # in which what is killed may still begin others
_LOOKS_S = 0.05
_LETTERS = 200


def main(search: str, since: str, log: str, known: str, again: str) -> None:
    """Waits for the end of the process `search`, which began this one, and says what to do `again`.

    It may begin a Ray `since` then, as Ray writes a time; "" is never. `log`, if any, has what Ray's compiled
    code says in there, of which so many bytes were `known` before.
    """
    told = None
    for line in sys.stdin:
        told = line.strip()
    if since:
        end_sessions(search, since)
    if told is None:
        words = _last_words(log, int(known), search)
        told = f"error: the search ended at once, {words or 'as when it is killed'}; {again}"
    if told:
        print("\x1b[?25h" * sys.stderr.isatty() + told, file=sys.stderr)  # a progress display hid the cursor


def end_sessions(search: str, since: str) -> None:
    """Ends the processes of sessions that `search` began since then, and what they begin meanwhile.

    Not the search: it writes into a log of its session, too, and goes on without Ray.
    """
    until = time.monotonic() + _ENDS_S
    while sum(_ended(path, search, since) for path in Path("/proc").glob("[0-9]*") if path.name != search):
        if time.monotonic() > until:
            return
        time.sleep(_LOOKS_S)


def _ended(path: Path, search: str, since: str) -> bool:
    """Returns whether this was a process of such a session, which is ended."""
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        process = os.pidfd_open(int(path.name))  # the id may be another's in a moment
        try:
            if any(_is_log(each, search, since) for each in (path / "fd").iterdir()):
                signal.pidfd_send_signal(process, signal.SIGKILL)
                return True
        finally:
            os.close(process)
    return False


def _is_log(descriptor: Path, search: str, since: str) -> bool:
    """Returns whether a process writes a file of such a session, as all of Ray's do and no reader of it."""
    with contextlib.suppress(OSError):  # it was closed
        session = re.search(rf"/session_([^/]+)_{search}/", str(descriptor.readlink()))
        if session and session[1] >= since:
            facts = (descriptor.parents[1] / "fdinfo" / descriptor.name).read_text()
            return bool(int(facts.partition("flags:")[2].split()[0], 8) & os.O_ACCMODE)
    return False


def _last_words(log: str, known: int, search: str) -> str:
    """Returns what compiled code of Ray's said last in the process `search`, "" where it said nothing."""
    try:
        text = Path(log).read_bytes()[known:].decode(errors="replace") if log else ""
    except OSError:  # a storage that is gone
        return ""
    lines = re.findall(rf"^\[[^\]]* [WEFC] {search} \d+\] \S+ (.+)$", text, re.MULTILINE)
    return f"after Ray said: {lines[-1].partition('. ')[0][:_LETTERS]} ({log})" if lines else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
