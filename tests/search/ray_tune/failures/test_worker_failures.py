"""Failures of workers, in the words that Ray writes down: what is said of them, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.callbacks.callback import Callback
from search.ray_tune.collector import tell_of_recovery
from search.ray_tune.failures import lost_nodes
from search.ray_tune.failures.lost_nodes import LostNodes
from search.ray_tune.failures.worker_failures import MEMORY_RETRIES, last_failure, why
from tests.search.makers import make_trial
from trainables.trial import Trial

MEMORY = """Failure # 1 (occurred at 2026-11-26_07-00-00)
The actor died because its worker process has died. Worker exit type: NODE_OUT_OF_MEMORY Worker exit detail: \
Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.7, ID: c0ffee) where the lease (…) ran was 15.21GB / 16.00GB (0.95), …
"""
WHILE_STARTING = """Failure # 1 (occurred at 2026-11-26_15-02-04)
2 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.7, ID: c0ffee) \
was 5.21GB used / 23.54GB limit (0.221142)
OOM kill reason: Memory usage 5567774720B exceeded threshold of 5560734208B (22.0% of 25276063744B limit)
"""
DIED = "Failure # 1 (occurred at 2026-11-26_07-00-00)\nThe actor died unexpectedly.\n"
DIED_THERE = """Failure # 1 (occurred at 2026-11-26_07-00-00)
The actor died unexpectedly before finishing this task.
	class_name: ImplicitFunc
	pid: 4711
	ip: 10.0.0.7
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR
"""
WITH_ITS_NODE = DIED_THERE.replace(
    "The actor is dead because its worker process", "The actor died because its node"
)
AWAY = "Failure # 2 (occurred at 2026-11-26_07-00-00)\nThe actor 01 is unavailable: connection lost.\n"
RAISED = """Failure # 3 (occurred at 2026-11-26_07-00-00)
ray::ImplicitFunc.train() (pid=1)
Traceback (most recent call last):
  File "worker.py", line 1, in train
OSError: [Errno 28] No space left on device
"""
REFUSED = """Failure # 1 (occurred at 2026-11-27_07-00-00)
ray::ImplicitFunc.train() (pid=1, ip=10.0.0.8)
Traceback (most recent call last):
  File "worker.py", line 1, in train
trainables.worker.RefusedError: node late has Keras 3.1.0, the driver's has 3.15.1; install the same on \
every node, or take it out of the cluster
Ray's node late1
"""
SAYS = "node late has Keras 3.1.0, the driver's has 3.15.1"


@dataclass
class TuneTrial:
    """A trial of Tune's that has failed, as far as it is looked at."""

    error_file: str
    run_metadata: Any = field(default_factory=lambda: SimpleNamespace(num_failures=1))
    max_failures: int = 2
    trial_id: str = "1"
    last_result: dict[str, Any] = field(default_factory=dict)


def failed(folder: Path, text: str) -> TuneTrial:
    """Returns a trial of which Tune has written this down."""
    (folder / "error.txt").write_text(text, "utf-8")
    return TuneTrial(str(folder / "error.txt"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MEMORY, "memory ran out on 10.0.0.7 (15.21GB of 16.00GB were taken)"),
        (WHILE_STARTING, "memory ran out on 10.0.0.7 (5.21GB of 23.54GB were taken)"),
        ("OutOfMemoryError", "memory ran out"),
        (DIED, "its worker died"),
        (DIED_THERE, "its worker on 10.0.0.7 died"),
        (WITH_ITS_NODE, "its worker on 10.0.0.7 died with its machine"),
        ("", "its worker died"),
        (AWAY, "its worker is out of reach"),
        (REFUSED, SAYS),
        (DIED + RAISED, "OSError: [Errno 28] No space left on device"),
    ],
)
def test_why_a_worker_failed_the_last_time(tmp_path: Path, text: str, said: str) -> None:
    assert why(last_failure(failed(tmp_path, text))) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DIED, "its worker died, started again, 1 of 2"),
        (MEMORY, "memory ran out on 10.0.0.7 (15.21GB of 16.00GB were taken), started again"),
        (REFUSED, f"{SAYS}, started again"),
    ],
)
def test_trial_that_begins_again_is_told_of_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    heard: list[tuple[Trial, str]] = []

    class Hears(Callback):
        def trial_begins_again(self, trial: Trial, why: str) -> None:
            heard.append((trial, why))

    trial = make_trial()
    tell_of_recovery(failed(tmp_path, text), [trial], Hears())
    assert heard == [(trial, said)]


def test_memory_that_runs_out_does_not_count_unless_it_does_so_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_nodes, "_alive", dict)
    watcher, trial = LostNodes(), failed(tmp_path, MEMORY)
    for _ in range(MEMORY_RETRIES):
        watcher.on_trial_recover(1, [], trial)
        assert trial.run_metadata.num_failures == 0
        trial.run_metadata.num_failures += 1  # as Tune does at the next failure
    watcher.on_trial_recover(1, [], trial)
    assert trial.run_metadata.num_failures == 1


def test_what_a_node_refuses_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_nodes, "_alive", dict)
    trial = failed(tmp_path, REFUSED)
    LostNodes().on_trial_recover(1, [], trial)
    assert trial.run_metadata.num_failures == 0
