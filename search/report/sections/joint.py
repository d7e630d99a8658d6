"""Part of the report on the joint search: its best configurations, parallel coordinates, importance."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from statistics import fmean
from typing import Any

from search.report.document import Block, Bullets, Curve, Lines, Panel, Paragraph, Parallel, Section, Table
from search.report.published import published_means
from search.report.sections.importance import axis_of, importance_blocks, objective_axis
from search.report.sections.stage_figures import beside_baselines
from search.report.words import baseline_rows, remark, statement_of, winner_rows
from search.space.labels import OF_THE_REPORT, label_of, show_value, varied_among
from search.statistics.configurations import are_scored, by_configuration, scored_by
from search.statistics.importance import importance_among
from search.statistics.number_text import NONE, bracketed, confidence, decimal, with_spread
from search.study.snapshot import Snapshot
from search.study.stage_results import Entry, JointResult, PopulationResult, Result
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import TrialResult

DRAWN = 500  # points or lines of a figure: more lie over one another, and take seconds to draw
_PUBLISHED = (
    " The report ran no joint search: a published figure is of the stage that had the same configuration."
)


def joint_section(snapshot: Snapshot, result: JointResult | PopulationResult) -> Section:
    """Returns the part on the joint search."""
    published = snapshot.facts.is_of_gender
    keys = result.trials if isinstance(result, JointResult) else ()  # members of a population have none
    trials = [snapshot.trials[key] for key in keys if key in snapshot.trials]
    objective = result.objective
    completed = scored_by(trials, objective)
    varied = varied_among([trial.trial.config for trial in completed])
    blocks: list[Block] = [
        Paragraph(statement_of(result)),
        Paragraph(_settings(result.settings) + (_PUBLISHED if published else "")),
        _table(result, varied or OF_THE_REPORT, beside_baselines(snapshot, result)),
    ]
    if len(completed) > 1:
        blocks += [best_by_configuration(trials, objective)]
        every = one_in(len(completed))
        blocks += [parallel_of(completed, varied, objective, every=every)] if varied else []
    kept = result.importance if isinstance(result, JointResult) else None
    blocks += importance_blocks(completed, varied, kept or importance_among(trials, objective))
    if result.notes:
        blocks.append(Bullets(result.notes))
    section = Section(name="joint", title="Joint search", blocks=blocks)
    return section if published else section.of_this_study()


def _settings(search: Mapping[str, Any]) -> str:
    budget = search.get("time_budget_s")
    return (
        f"Searcher {search.get('search', NONE)}, scheduler {search.get('scheduler', NONE)}, "
        f"{search.get('num_samples') or 'all'} configurations, "
        f"{f'at most {budget:g} seconds' if isinstance(budget, int | float) else 'no time budget'}."
    )


def _table(result: Result, names: Sequence[str], beside: str) -> Table:
    columns = (
        "rank",
        *map(label_of, names),
        "ours",
        "published",
        "winner minus this",
        confidence(result.protocol.level),
        "verdict, status",
        "seconds",
    )
    figure = _in_a_caption(result.objective)
    return Table(
        caption=f"The best configurations: {figure} ± standard deviation of the runs",
        columns=columns,
        rows=[
            *(_row(number, entry, result, names) for number, entry in enumerate(result.entries, 1)),
            *baseline_rows(result.baselines, columns, value="ours", remark="verdict, status", beside=beside),
        ],
        strong=winner_rows(result),
    )


def _in_a_caption(objective: Objective) -> str:
    return "epochs' mean validation accuracy" if objective == OBJECTIVE else objective.name


def _row(number: int, entry: Entry, result: Result, names: Sequence[str]) -> Sequence[str]:
    published = [f"{decimal(mean)} ({stage})" for stage, mean in published_means(entry.config).items()]
    return [
        str(number),
        *(show_value(getattr(entry.config, name)) for name in names),
        with_spread(entry.mean, entry.spread),
        ", ".join(published) or NONE,
        decimal(entry.difference),
        bracketed(entry.interval),
        remark(entry, result),
        decimal(entry.seconds, 1),
    ]


def one_in(count: int) -> int:
    """Returns one in how many of so many things a figure draws."""
    return max(1, math.ceil(count / DRAWN))


def best_so_far(x: Sequence[float], scores: Sequence[float], best: Sequence[float]) -> list[Curve]:
    """Returns the best so far as steps over `x`, and `scores` as points, of many one in so many."""
    every = one_in(len(scores))
    label = f"one in {every} configurations" if every > 1 else "a configuration"
    return [steps("best so far", x, best), Curve(label=label, x=x[::every], y=scores[::every], dots=True)]


def steps(label: str, x: Sequence[float], best: Sequence[float]) -> Curve:
    """Returns a curve of the points at which the best changes, and of its two ends."""
    ends = (0, len(best) - 1)
    turns = [n for n, value in enumerate(best) if n in ends or value != best[n - 1]]
    return Curve(label=label, x=[x[n] for n in turns], y=[best[n] for n in turns], steps=True)


def best_by_configuration(trials: Sequence[TrialResult], objective: Objective = OBJECTIVE) -> Lines:
    """Returns the figure of the best configuration so far, by the mean of its runs, over their order."""
    done = {  # counted with those of which a run was stopped or failed: they took their time, too
        number: fmean(map(objective.of, of_one))
        for number, of_one in enumerate(by_configuration(trials).values(), 1)
        if are_scored(of_one, objective)
    }
    numbers, values = list(done), list(done.values())
    best = list(accumulate(values, objective.better))
    panel = Panel(
        title="best so far",
        x_label="configurations",
        y_label=objective.name,
        curves=best_so_far(numbers, values, best),
    )
    return Lines(
        name="joint-best-so-far",
        caption="Joint search: every configuration, as the mean of its runs, in the order in which they "
        "began, and the best so far as a line, which stays level where more of them gained nothing",
        panels=[panel],
    )


def parallel_of(
    trials: Sequence[TrialResult], names: Sequence[str], objective: Objective = OBJECTIVE, *, every: int = 1
) -> Parallel:
    """Returns the parallel coordinates of completed `trials` over the hyperparameters `names`.

    Of thousands only `every` so many is drawn by rank, from the best one on.
    """
    configs = [trial.trial.config for trial in trials]
    gains = [objective.gain(objective.of(trial)) for trial in trials]
    by_rank = sorted(range(len(trials)), key=gains.__getitem__)
    ordered = sorted(gains)
    axes = [*(axis_of(name, configs) for name in names), objective_axis(trials, objective)]
    drawn = sorted(by_rank[::-every])
    return Parallel(
        name="joint-parallel",
        caption=(
            f"Joint search: a line for {f'one in {every}' if every > 1 else 'each'} of {len(trials):,} "
            "completed trials, coloured by rank, from blue (worst) to orange (best). Where orange lines meet "
            "on an axis is a value that does well"
        ),
        axes=[replace(axis, positions=[axis.positions[n] for n in drawn]) for axis in axes],
        ranks=[bisect_left(ordered, gains[n]) / (len(trials) - 1) for n in drawn],
    )
