"""A run of a search, with or without a strike, and what was found after it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.soak.places import OneMachine, gone
from benchmarks.soak.processes import MARK, command_of, end_marked, marked
from benchmarks.soak.strikes import ANY, AWAY, CACHE, STARTING, STORAGE, WRITING, Strike

LEFT_S = 5.0  # that processes have to end after their search
# by the documented code, how the last line begins
_LAST = {0: "", 1: "error: ", 130: "interrupted: ", 143: "interrupted: "}
# of Ray's compiled part, and notes on its processes
_OF_RAY = re.compile(r"^(\[\d{4}-\d\d-\d\d |\(raylet)", re.MULTILINE)
Value = TypeVar("Value")
Hit = tuple[bool, Sequence[str]]  # whether something was struck, and files in the bare mount point


@dataclass
class Run:
    """A run of a search: its exit code, None where it did not end in time, and what was found after it."""

    code: int | None = None
    said: str = ""
    took_s: float = 0.0  # from the strike to the end
    struck: bool = False  # else it ended before, or had no such process
    left: Sequence[str] = ()  # commands of processes
    strays: Sequence[str] = ()  # files in the bare mount point

    @property
    def told(self) -> bool:
        """Whether it ended with a documented code and its sentence; who was killed can say nothing."""
        if self.code == -signal.SIGKILL:
            return True
        beginning = _LAST.get(-1 if self.code is None else self.code)
        return beginning is not None and self.last_line.startswith(beginning) and "Traceback" not in self.said

    @property
    def has_lines_of_ray(self) -> bool:
        """Whether lines of Ray's stand between ours."""
        return _OF_RAY.search(self.said) is not None

    @property
    def last_line(self) -> str:
        """What it said at last."""
        return (self.said.strip().splitlines() or [""])[-1]


@dataclass(frozen=True)
class Runner:
    """Runs the commands of searches in `folder`, each with `patience_s` to end after its strike."""

    folder: Path
    patience_s: float

    def run(self, command: Sequence[str], place: OneMachine, study: str, strike: Strike | None = None) -> Run:
        """Runs a command whose study lies in `place`."""
        mark, run = f"{os.getpid()}-{time.time_ns()}", Run()
        said = self.folder / "said.txt"
        with said.open("w") as file:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, MARK: mark},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            self._wait(process, run, strike and partial(_Hit(process, place, study, said).by, strike))
            run.left = () if run.code is None else _left(lambda: [*marked(mark), *place.left()])
        finally:
            end_marked(mark)
            process.wait()
        run.said = said.read_text(errors="replace")
        return run

    def _wait(self, process: subprocess.Popen[bytes], run: Run, hit: Callable[[], Hit] | None) -> None:
        """Notes how a search ends, after it was `hit`."""
        if hit:
            run.struck, run.strays = hit()
        began = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.code = process.wait(self.patience_s)
        run.took_s = time.monotonic() - began


@dataclass(frozen=True)
class _Hit:
    """A search that is struck while it runs."""

    process: subprocess.Popen[bytes]
    place: OneMachine
    study: str
    said: Path

    @property
    def cache(self) -> Path:
        """The cache of its own that it has, as all searches here."""
        return self.said.parent / "cache" / self.study

    def by(self, strike: Strike) -> Hit:
        """Strikes as soon as the moment has come."""
        written = self.place.written(self.study)
        began: dict[str, Callable[[], bool]] = {
            STARTING: lambda: "starting Ray" in self.said.read_text(errors="replace"),
            WRITING: lambda: any(written.glob("*/.*.part")),
            AWAY: lambda: (written / "live.json").exists(),
            ANY: lambda: True,
        }
        if not self._comes(began[strike.moment]):
            return False, ()
        time.sleep(strike.after_s)
        if strike.target == CACHE:
            return self._without(strike, self.cache / "features", gone(self.cache))
        if strike.target == STORAGE or strike.moment == AWAY:
            return self._without(strike, written / "live.json", self.place.away(self.study))
        return self._send(strike), ()

    def _without(self, strike: Strike, seen: Path, away: AbstractContextManager[list[str]]) -> Hit:
        """Strikes while that is `away` in which something is `seen`."""
        if not self._comes(seen.exists):
            return False, ()
        with away as strays:
            # only what is there by now: else all would wait for a storage that does not come back
            hit = strike.sent is None or self._send(strike, waits=False)
        return hit, strays

    def _send(self, strike: Strike, *, waits: bool = True) -> bool:
        def found() -> list[int]:
            return self.place.pids(self.process.pid, strike.target)

        pids = self._comes(found) if waits else found()
        for pid in pids or ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, strike.sent or signal.SIGKILL)
        return bool(pids)

    def _comes(self, found: Callable[[], Value]) -> Value | None:
        """Returns what is `found` as soon as that is something, None where the search ends before."""
        while self.process.poll() is None:
            if value := found():
                return value
            time.sleep(0.002)
        return None


def _left(working: Callable[[], Sequence[int]]) -> list[str]:
    """Returns the commands of processes that work LEFT_S from now."""
    until = time.monotonic() + LEFT_S
    while working() and time.monotonic() < until:
        time.sleep(0.1)
    return [command_of(pid).decode(errors="replace")[:120] for pid in working()]
