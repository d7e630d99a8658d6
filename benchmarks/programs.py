"""Runs a program of several processes, as Ray's are, and counts the wall and CPU time of all of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Cost

SAMPLE_EVERY_S = 0.2
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Course:
    """The course of a program: its CPU time at moments of `time.monotonic`, with its descendants'."""

    cost: Cost
    moments: tuple[float, ...]
    cpu_s: tuple[float, ...]

    def cpu_s_at(self, moment: float) -> float:
        """Returns the seconds of CPU time until `moment`, by the looks before and after it."""
        return float(np.interp(moment, self.moments, self.cpu_s))


def run_program(module: str, arguments: Sequence[str]) -> Cost:
    """Runs `python -m module arguments`, to its end, and returns what it and its descendants took.

    CPU time is read every SAMPLE_EVERY_S from /proc, so what a process did after the last look is missed;
    without /proc it is nan. Raises RuntimeError, with the last lines it printed, where the program fails.
    """
    return follow_program(module, arguments).cost


def follow_program(module: str, arguments: Sequence[str], python: str = sys.executable) -> Course:
    """Runs a program as `run_program` does, with that `python`, and returns its course."""
    moments, cpu_s = [], []
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [python, "-m", module, *arguments], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
        family = Family(process.pid)
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(_end_of, process)  # at once: looks would round the time up to the next one
            try:
                while not ended.done():
                    family.look()
                    moments.append(time.monotonic())
                    cpu_s.append(family.cpu_s())
                    wait([ended], SAMPLE_EVERY_S)
            finally:
                process.terminate()
        wall_s = ended.result() - started
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"python -m {module} failed:\n{''.join(output.readlines()[-20:])}")
    return Course(Cost(wall_s, family.cpu_s()), tuple(moments), tuple(cpu_s))


def _end_of(process: subprocess.Popen[bytes]) -> float:
    process.wait()
    return time.perf_counter()


class Family:
    """A process with all its descendants, known for good once seen, and their CPU time."""

    def __init__(self, root: int) -> None:
        self._members = {root}
        self._cpu_s: dict[tuple[int, int], float] = {}  # by process id and start, as ids are used again

    def look(self) -> None:
        """Adds new descendants and notes the CPU time of all."""
        running = {pid: line for pid in _process_ids() if (line := _stat(pid))}
        grown = True
        while grown:
            new = {pid for pid, line in running.items() if int(line[1]) in self._members} - self._members
            self._members |= new
            grown = bool(new)
        for pid in self._members & running.keys():
            line = running[pid]
            ticks = int(line[11]) + int(line[12])  # user and system
            self._cpu_s[pid, int(line[19])] = ticks / os.sysconf("SC_CLK_TCK")

    def cpu_s(self) -> float:
        """Returns the seconds of CPU time seen so far, nan where none could be read."""
        return sum(self._cpu_s.values()) if self._cpu_s else float("nan")


def processes_below(root: int, name: str) -> Iterator[int]:
    """Yields the processes below `root`, of whatever depth, whose command has `name` in it."""
    for pid in _process_ids():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if pid != root and name.encode() in command and root in _ancestors(pid):
            yield pid


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        yield pid
        pid = int(line[1]) if (line := _stat(pid)) else 0


def _process_ids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _stat(pid: int) -> list[str]:
    """Returns the fields of /proc/<pid>/stat from the state on, none where the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
