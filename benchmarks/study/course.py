"""The course of a study: its wall time from what its callback heard, divided by what was done in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.projection import STUDY_STAGES

EXTRACTION, START = "extraction", "start of Python, Ray and the worker"
STEPS, COMPILING, BEYOND = "steps and validation", "compiling", "a trial beyond its epochs"
LEDGER, WAITING, DECIDING = "ledger", "waiting for the next trial", "deciding, baselines, closing"
KINDS = (EXTRACTION, STEPS, COMPILING, START, BEYOND, LEDGER, WAITING, DECIDING)
STARTED, ENDED, FINISHED = "trial_started", "trial_ended", "search_finished"

Part = Mapping[str, Any]
"""What a run of the program says: batch sizes, begin, end, events with name and time, seconds of ledger and
extraction."""


def seconds_of(parts: Sequence[Part]) -> dict[str, float]:
    """Returns the wall seconds of each of KINDS, whose sum is that of all `parts`: one for each run."""
    total = dict.fromkeys(KINDS, 0.0)
    for part in parts:
        for kind, seconds in _of_part(part).items():
            total[kind] += seconds
    return total


def trials_of(parts: Sequence[Part]) -> list[Mapping[str, Any]]:
    """Returns the trials that ended: `config`, and `epoch_seconds` of each epoch."""
    return [event for part in parts for event in part["events"] if event["name"] == ENDED]


def is_whole(part: Part, batch_sizes: str) -> bool:
    """Returns whether a run came to the end of the study of these sizes: all of its stages were decided."""
    decided = sum(event["name"] == FINISHED for event in part["events"])
    return part["batch_sizes"] == batch_sizes and decided == len(STUDY_STAGES)


def compiling_of(epoch_seconds: Sequence[float]) -> float:
    """Returns the seconds of a first epoch beyond the pace of the others; 0 where there is no other."""
    first, *others = epoch_seconds
    return max(0.0, first - median(others)) if others else 0.0


def _of_part(part: Part) -> dict[str, float]:
    found = dict.fromkeys(KINDS, 0.0)
    begin, end = {"name": "begin", "at": part["begin"]}, {"name": "end", "at": part["end"]}
    trials_began = False
    for before, after in pairwise([begin, *part["events"], end]):
        seconds = after["at"] - before["at"]
        if before["name"] == STARTED and after["name"] == ENDED:
            epochs = after["epoch_seconds"]
            compiling = compiling_of(epochs) if epochs else 0.0
            found[COMPILING] += compiling
            found[STEPS] += sum(epochs) - compiling
            found[BEYOND] += seconds - sum(epochs)
        elif not trials_began:
            found[START] += seconds
        elif before["name"] == STARTED:  # it was stopped in its midst
            found[BEYOND] += seconds
        elif before["name"] == ENDED and after["name"] == STARTED:
            found[WAITING] += seconds
        else:
            found[DECIDING] += seconds
        trials_began |= after["name"] == STARTED
    # the features of the first stage are made while Ray starts; a trial is recorded before the next begins
    _move(found, START, EXTRACTION, part["extraction_s"])
    for kind in (WAITING, DECIDING):
        _move(found, kind, LEDGER, part["ledger_s"] - found[LEDGER])
    return found


def _move(found: dict[str, float], source: str, target: str, seconds: float) -> None:
    moved = min(found[source], seconds)
    found[source] -= moved
    found[target] += moved
