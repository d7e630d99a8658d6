"""A machine that goes away under a trial, runs out of memory or trains none is no failure of the trial's.

What Tune counted is taken back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import tune

from search.ray_tune.failures.worker_failures import (
    MEMORY_RETRIES,
    is_out_of_reach,
    last_failure,
    ran_out_of_memory,
    refusal,
)

NOTICE_S = 120.0  # until Ray has noticed that a machine is gone, well after the trial's worker fell silent
EVERY_S = 0.1  # only while a failure is open; a look takes a millisecond


@dataclass(frozen=True)
class _Suspicion:
    """Failure of a trial on one of these nodes: when, and whether it counts for the time being."""

    trial: Any
    nodes: frozenset[str]
    since: float
    counts: bool


@dataclass
class LostNodes(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Lets a trial begin again without counting, where the node that it ran on has died.

    Ray notices a dead node later than that its worker does not answer; so a failure is looked at again until
    its node has died or NOTICE_S have passed. Until then it counts where Ray knows that the process died, and
    does not where the worker is merely out of reach. What Tune counts decides only at the next failure.
    """

    _alive_at_start: dict[str, dict[str, str]] = field(default_factory=dict)
    _suspicions: list[_Suspicion] = field(default_factory=list)
    _memory: dict[str, int] = field(default_factory=dict)  # how often a trial had too little
    _looked: float = 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its callbacks down; nobody reads this one back

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes which nodes there are."""
        self._alive_at_start[trial.trial_id] = _alive()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes on which nodes the failed trial may have run: it has told the address with its reports."""
        address = (trial.last_result or {}).get("node_ip")
        nodes = self._alive_at_start.get(trial.trial_id, {})
        there = frozenset(node for node, where in nodes.items() if address in (None, where))
        failure = last_failure(trial)
        if refusal(failure) or (ran_out_of_memory(failure) and self._may_forget(trial)):
            trial.run_metadata.num_failures -= 1  # the machine's doing, not the trial's
            return
        out_of_reach = is_out_of_reach(failure)
        trial.run_metadata.num_failures -= out_of_reach
        self._suspicions.append(_Suspicion(trial, there, time.monotonic(), counts=not out_of_reach))
        self._look()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Looks again at what failed."""
        if self._suspicions and time.monotonic() - self._looked > EVERY_S:
            self._look()

    def _may_forget(self, trial: Any) -> bool:
        self._memory[trial.trial_id] = self._memory.get(trial.trial_id, 0) + 1
        return self._memory[trial.trial_id] <= MEMORY_RETRIES

    def _look(self) -> None:
        self._looked, alive, open_ones = time.monotonic(), _alive(), []
        for suspicion in self._suspicions:
            if not suspicion.nodes <= alive.keys():
                suspicion.trial.run_metadata.num_failures -= suspicion.counts
            elif self._looked - suspicion.since < NOTICE_S:
                open_ones.append(suspicion)
            else:
                suspicion.trial.run_metadata.num_failures += not suspicion.counts
        self._suspicions = open_ones


def _alive() -> dict[str, str]:
    """Returns the address of each node that is alive, by its id."""
    return {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
