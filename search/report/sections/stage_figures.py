"""Figures of a stage: curves by epoch, one per value, and our means beside the published ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean, stdev

from search.report.document import Curve, Lines, Panel, Points, Series
from search.report.published import published_mean
from search.report.words import stage_title
from search.space.labels import label_of, show_value, stage_label
from search.statistics.number_text import decimal
from search.study.snapshot import Snapshot
from search.study.stage_results import Result, StageResult
from trainables.objective import OBJECTIVE
from trainables.trial import TrialResult

PANEL_METRICS = ("accuracy", "val_accuracy", "loss", "val_loss")
_MOST_BANDS = 3  # more hide one another, and the curves

RunsByValue = Sequence[tuple[str, Sequence[TrialResult]]]
"""The runs of each value, by what tables call the value."""


def runs_by_value(snapshot: Snapshot, result: StageResult) -> RunsByValue:
    """Returns the runs of each value of a stage that are in the study's folder, values without one too."""
    return [(show_value(entry.value), snapshot.runs(entry)) for entry in result.entries]


def curves_of(snapshot: Snapshot, result: StageResult) -> Iterator[Lines]:
    """Yields the figure of the epochs of a stage, one curve per value; none without a run."""
    runs, name = runs_by_value(snapshot, result), figure_name(result)
    if result.stage == "backbone":  # the only stage of which the report printed all four measures
        return epoch_curves(stage_title(result), runs, name)
    return _accuracy_curves(result, runs, name)


def figure_name(result: StageResult) -> str:
    """Returns the name of the part on a stage and of its figures: "batch-size-2" in the second sweep."""
    name = result.stage if result.sweep == 1 else f"{result.stage}-{result.sweep}"
    return name.replace("_", "-")


def epoch_curves(title: str, runs: RunsByValue, name: str) -> Iterator[Lines]:
    """Yields the figure of the four measures per epoch, one curve for each of `runs`; none without a run."""
    panels = [_panel(metric, runs) for metric in PANEL_METRICS]
    if panels[0].curves:
        caption = f"{title}: accuracy and loss per epoch{_averaged(panels)}"
        yield Lines(name=f"{name}-curves", caption=caption, panels=panels)


def _accuracy_curves(result: StageResult, runs: RunsByValue, name: str) -> Iterator[Lines]:
    """Yields the validation accuracy per epoch, one curve per value."""
    panel = _panel("val_accuracy", runs)
    if not panel.curves:
        return
    ends = {curve.label: curve.y[-1] for curve in panel.curves}
    to_see = f". After the last epoch {max(ends, key=ends.__getitem__)} is highest" if len(ends) > 1 else ""
    yield Lines(
        name=f"{name}-val-accuracy",
        caption=f"{stage_title(result)}: validation accuracy per epoch{_averaged([panel])}{to_see}",
        panels=[panel],
    )


def means_beside_published(result: StageResult, name: str) -> Iterator[Points]:
    """Yields the figure of our means and the published ones, where there are any."""
    known = result.objective == OBJECTIVE  # the report published no other figure of its stages
    published = [published_mean(result.stage, entry.value) if known else None for entry in result.entries]
    ours = [None if math.isnan(entry.mean) else entry.mean for entry in result.entries]
    if not any(published) or not any(ours):
        return
    spreads = [0.0 if math.isnan(entry.spread) else entry.spread for entry in result.entries]
    low = [None if mean is None else mean - by for mean, by in zip(ours, spreads, strict=True)]
    high = [None if mean is None else mean + by for mean, by in zip(ours, spreads, strict=True)]
    bars = " (± 1 standard deviation of the runs)" if any(spreads) else ""
    yield Points(
        name=f"{name}-means",
        caption=(
            f"{stage_title(result)}: our means{bars} and the published. Compare the order of the values: "
            "other data or another split moves all of them together"
        ),
        x_label=stage_label(result.stage),
        y_label="mean val accuracy",
        categories=[show_value(entry.value) for entry in result.entries],
        series=[
            Series(label="ours", values=ours, low=low, high=high),
            Series(label="published", values=published),
        ],
    )


def beside_baselines(snapshot: Snapshot, result: Result) -> str:
    """Returns what baselines are beside: they have no epochs, where an objective may be a mean over them."""
    if result.objective != OBJECTIVE or result.winner is None:
        return ""
    mean, _ = last_epoch(snapshot.runs(result.entry_of(result.winner)), "val_accuracy")
    return "" if math.isnan(mean) else f"the winner's last epoch: {decimal(mean)}"


def last_epoch(runs: Sequence[TrialResult], metric: str) -> tuple[float, float]:
    """Returns mean and standard deviation over `runs` of `metric` in the last epoch, NaN if undefined."""
    values = [float(getattr(run.epochs[-1], metric)) for run in runs]
    return (fmean(values) if values else math.nan, stdev(values) if len(values) > 1 else math.nan)


def _panel(metric: str, runs: RunsByValue) -> Panel:
    words = label_of(metric)
    curves = [_curve(label, of_value, metric) for label, of_value in runs if of_value]
    if len(curves) > _MOST_BANDS:
        curves = [replace(curve, low=(), high=()) for curve in curves]
    return Panel(title=words, x_label="epoch", y_label=words, curves=curves)


def _averaged(panels: Sequence[Panel]) -> str:
    curves = [curve for panel in panels for curve in panel.curves]
    if any(curve.low for curve in curves):
        return ", mean of the runs and a band of ± 1 standard deviation"
    return ", mean of the runs" if any(curve.runs > 1 for curve in curves) else ""


def _curve(label: str, runs: Sequence[TrialResult], metric: str) -> Curve:
    """Returns the mean over `runs` by epoch, in a band of one standard deviation each side."""
    last = max(len(run.epochs) for run in runs)  # runs that a scheduler stopped have fewer
    by_epoch = [
        [float(getattr(run.epochs[number], metric)) for run in runs if len(run.epochs) > number]
        for number in range(last)
    ]
    means = [fmean(values) for values in by_epoch]
    spreads = [stdev(values) if len(values) > 1 else 0.0 for values in by_epoch]
    banded = any(spreads)
    return Curve(
        label=label,
        runs=len(runs),
        x=list(range(1, last + 1)),
        y=means,
        low=[mean - spread for mean, spread in zip(means, spreads, strict=True)] if banded else (),
        high=[mean + spread for mean, spread in zip(means, spreads, strict=True)] if banded else (),
    )
