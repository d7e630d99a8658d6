"""Costs in wall and CPU time, the machine they were paid on, and the process that pays them."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, ParamSpec, TypeVar

from trainables.process_setup import available_cores, prepare_process

LIBRARIES = ("keras", "tensorflow", "jax", "ray", "numpy", "pillow")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """What some work took, in seconds of wall and of CPU time (all threads)."""

    wall_s: float
    cpu_s: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __mul__(self, times: float) -> Cost:
        return Cost(self.wall_s * times, self.cpu_s * times)


def cost_of(work: Callable[[], object]) -> Cost:
    """Calls `work` and returns what it took in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def typical(costs: Sequence[Cost]) -> Cost:
    """Returns the least disturbed wall time and the median CPU time, the steadier of the two."""
    return Cost(min(cost.wall_s for cost in costs), median(cost.cpu_s for cost in costs))


def best(costs: Sequence[Cost]) -> Cost:
    """Returns the least wall and the least CPU time: what the machine can do."""
    return Cost(min(cost.wall_s for cost in costs), min(cost.cpu_s for cost in costs))


def in_own_process(
    keras_backend: str,
    threads: int,
    work: Callable[Arguments, Result],
    *arguments: Arguments.args,
    **options: Arguments.kwargs,
) -> Result:
    """Returns `work(*arguments, **options)` from a fresh process on that Keras backend and its threads.

    The module of `work` must not import Keras.
    """
    with own_process(keras_backend, threads) as pool:
        return pool.submit(work, *arguments, **options).result()


@contextmanager
def own_process(keras_backend: str, threads: int, *, batches: int = 1) -> Iterator[ProcessPoolExecutor]:
    """Gives a fresh process for several calls, prepared as the product prepares a worker."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(prepare_process, keras_backend, threads, batches=batches).result()
        yield pool


def machine() -> dict[str, Any]:
    """Returns what the figures depend on: cores, processor, versions, and what else ran (the load)."""
    return {
        "cores": available_cores(),
        "processor": _processor(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {library: found for library in LIBRARIES if (found := _version(library))},
    }


def machine_in_words(facts: dict[str, Any]) -> str:
    """Returns `machine()` as a line."""
    versions = ", ".join(f"{library} {found}" for library, found in facts["versions"].items())
    return (
        f"{facts['cores']} cores of {facts['processor']}, load {facts['load_1min']:g} in the last minute; "
        f"Python {facts['python']}, {versions}"
    )


def write_result(result: dict[str, Any], path: Path | None) -> None:
    """Writes `result`, and the day of it, as JSON at `path`, where one was asked for."""
    if path is not None:
        dated = {"measured_on": date.today().isoformat(), **result}
        path.write_text(json.dumps(dated, indent=2) + "\n", encoding="utf-8")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.processor()
