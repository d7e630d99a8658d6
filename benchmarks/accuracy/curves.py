"""Runs of searches: the best so far over CPU time, the mean over seeds, and the time to an accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from benchmarks.programs import Course

Run = Mapping[str, Any]
"""A run as JSON has it: search, seed, trials, cpu_s, wall_s, and points with cpu_s, figure and held_out."""


def run_of(search: str, seed: int, course: Course, report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the run that a program reported; its CPU time ends with the search, before it was scored."""
    points = [
        {"cpu_s": course.cpu_s_at(best["at"]), "figure": best["figure"], "held_out": best["held_out"]}
        for best in report["best"]
    ]
    return {
        "search": search,
        "seed": seed,
        "trials": report["trials"],
        "cpu_s": course.cpu_s_at(report["ended_at"]),
        "wall_s": report["ended_at"] - course.moments[0],
        "points": points,
    }


def by_search(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Returns the runs of each search, in their order."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run["search"], []).append(run)
    return found


def held_out_at(run: Run, cpu_s: float) -> float | None:
    """Returns the held-out balanced accuracy of what was best at that time; None before the first trial."""
    return next((point["held_out"] for point in reversed(run["points"]) if point["cpu_s"] <= cpu_s), None)


def mean_curve(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Returns CPU seconds and the mean over `runs` at each change, from when all of them have a model."""
    begin = max(run["points"][0]["cpu_s"] for run in runs)
    moments = {point["cpu_s"] for run in runs for point in run["points"]}
    return [
        (moment, fmean(held_out_at(run, moment) or 0.0 for run in runs))
        for moment in sorted(moments)
        if moment >= begin
    ]


def seconds_to(runs: Sequence[Run], accuracy: float) -> float | None:
    """Returns the CPU seconds after which the mean over `runs` is `accuracy` for the first time, if ever."""
    return next((moment for moment, mean in mean_curve(runs) if mean >= accuracy), None)


def summary_of(runs: Sequence[Run], target: float) -> dict[str, Any]:
    """Returns the figures of one search; `target` is the accuracy whose time is asked for."""
    finals = [run["points"][-1]["held_out"] for run in runs]
    return {
        "seeds": len(runs),
        "trials": fmean(run["trials"] for run in runs),
        "first_cpu_s": fmean(run["points"][0]["cpu_s"] for run in runs),
        "first_held_out": fmean(run["points"][0]["held_out"] for run in runs),
        "cpu_s": fmean(run["cpu_s"] for run in runs),
        "held_out": fmean(finals),
        "standard_error": stdev(finals) / len(finals) ** 0.5 if len(finals) > 1 else None,
        "cpu_s_to_target": seconds_to(runs, target),
    }


def line_of(search: str, found: Mapping[str, Any]) -> str:
    """Returns the figures of one search in a line."""
    error = "" if found["standard_error"] is None else f" ± {found['standard_error']:.3f}"
    reached = found["cpu_s_to_target"]
    to_target = "not reached" if reached is None else f"{reached:.0f} s"
    return (
        f"  {search:<24} first model {found['first_cpu_s']:5.0f} s, {found['first_held_out']:.3f}; "
        f"end {found['cpu_s']:5.0f} s, {found['held_out']:.3f}{error}; "
        f"target {to_target}; {found['trials']:.0f} trials, {found['seeds']} seeds"
    )
