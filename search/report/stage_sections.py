"""The parts of the report on the stages: curves, table, statement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

from search.published import BACKBONES, CHOSEN, published_base, published_mean
from search.report.document import (
    Block,
    Bullets,
    Curve,
    Lines,
    Panel,
    Paragraph,
    Points,
    Section,
    Series,
    Table,
)
from search.report.record import Record
from search.report.words import (
    HYPERPARAMETERS,
    NONE,
    figure,
    interval,
    remark,
    stage_name,
    stage_title,
    values_of,
    with_spread,
)
from search.results import Entry, StageResult
from search.stages import show_value
from trainables.trial import EpochMetrics, TrialResult

METRICS = ("accuracy", "val_accuracy", "loss", "val_loss")
_SINGLE = "one run each, no statement"


def stage_section(record: Record, result: StageResult) -> Section:
    """Returns the part on one stage."""
    name = result.stage if result.sweep == 1 else f"{result.stage}-{result.sweep}"
    name = name.replace("_", "-")
    blocks: list[Block] = [Paragraph(_statement(result)), *_bases(result)]
    blocks += _backbone_blocks(record, result, name) if result.stage == "backbone" else []
    blocks += [*_curves(record, result, name), _table(result), *_means(result, name)]
    if result.notes:
        blocks.append(Bullets(result.notes))
    return Section(name=name, title=stage_title(result), blocks=blocks)


def last_epoch(runs: Sequence[TrialResult], metric: str) -> tuple[float, float]:
    """Returns mean and standard deviation over `runs` of `metric` in their last epochs, NaN where undefined."""
    values = [float(getattr(run.epochs[-1], metric)) for run in runs]
    return (fmean(values) if values else math.nan, stdev(values) if len(values) > 1 else math.nan)


def metric_curve(label: str, runs: Sequence[TrialResult], metric: str) -> Curve:
    """Returns the mean of `metric` over `runs` by epoch, with a band of one standard deviation to each side."""
    last = max((len(run.epochs) for run in runs), default=0)
    by_epoch = [[_value(run.epochs[n], metric) for run in runs if len(run.epochs) > n] for n in range(last)]
    means = [fmean(values) for values in by_epoch]
    spreads = [stdev(values) if len(values) > 1 else 0.0 for values in by_epoch]
    banded = any(spreads)
    return Curve(
        label=label,
        x=list(range(1, last + 1)),
        y=means,
        low=[mean - spread for mean, spread in zip(means, spreads, strict=True)] if banded else (),
        high=[mean + spread for mean, spread in zip(means, spreads, strict=True)] if banded else (),
    )


def _statement(result: StageResult) -> str:
    words = result.statement
    if result.verdict == "single" and _SINGLE not in words:
        words += f" ({_SINGLE})"
    return f"{words[:1].upper()}{words[1:]}."


def _bases(result: StageResult) -> Iterator[Block]:
    """What was varied, and how that differs from what the report varied in this stage."""
    names = [name for name in HYPERPARAMETERS if name != result.hyperparameter]
    yield Paragraph(f"Varied here: {values_of(result.base, names)}, {result.base.epochs} epochs.")
    if result.stage not in CHOSEN:
        yield Paragraph("The report did not run this stage; it names it as future work.")
        return
    published = published_base(result.stage)
    if result.stage == "backbone":  # each network has its own untuned head
        names = [name for name in names if name not in ("hidden_units", "dropout")]
    differing = [name for name in names if getattr(result.base, name) != getattr(published, name)]
    if differing:
        yield Paragraph(f"The report varied here another configuration: {values_of(published, differing)}.")


def _curves(record: Record, result: StageResult, name: str) -> Iterator[Block]:
    pairs = ((entry, record.runs(entry)) for entry in result.entries)
    curves = [metric_curve(show_value(entry.value), runs, "val_accuracy") for entry, runs in pairs if runs]
    if not curves:
        yield Paragraph("No curve can be drawn: the trials of this stage are not in the study's folder.")
        return
    panel = Panel(
        title=f"one curve a {stage_name(result.stage)}",
        x_label="epoch",
        y_label="validation accuracy",
        curves=curves,
    )
    yield Lines(
        name=f"{name}-val-accuracy",
        caption=f"{stage_title(result)}: validation accuracy per epoch{_banded(curves)}",
        panels=[panel],
    )


def _banded(curves: Sequence[Curve]) -> str:
    return ", mean of the runs and a band of ± 1 standard deviation" if any(curve.low for curve in curves) else ""


def _table(result: StageResult) -> Table:
    rows, strong = [], set()
    for number, entry in enumerate(result.entries):
        rows.append(
            (
                show_value(entry.value),
                with_spread(entry.mean, entry.spread),
                figure(published_mean(result.stage, entry.value)),
                figure(entry.difference),
                interval(entry.interval),
                remark(entry, result),
                figure(entry.best_val_accuracy),
                NONE if entry.best_epoch is None else str(entry.best_epoch),
                figure(entry.seconds, 1),
                _runs(entry),
            )
        )
        if entry.config == result.winner:
            strong.add(number)
    return Table(
        caption=(
            "Mean over the epochs of the validation accuracy (mean ± standard deviation over the runs). "
            "Not published: spread, difference, best accuracy, best epoch, seconds"
        ),
        columns=(
            stage_name(result.stage),
            "ours",
            "published",
            "winner less this",
            f"{100 * (1 - result.protocol.level):.4g} % interval",
            "verdict, status",
            "best val accuracy",
            "best epoch",
            "seconds",
            "runs",
        ),
        rows=rows,
        strong=frozenset(strong),
    )


def _runs(entry: Entry) -> str:
    return f"{len(entry.trials)}" + (f" ({len(entry.reused)} reused)" if entry.reused else "")


def _means(result: StageResult, name: str) -> Iterator[Block]:
    """Our means beside the published ones, where there are any."""
    published = [published_mean(result.stage, entry.value) for entry in result.entries]
    if not any(published):
        return
    ours = [None if math.isnan(entry.mean) else entry.mean for entry in result.entries]
    spreads = [0.0 if math.isnan(entry.spread) else entry.spread for entry in result.entries]
    series = Series(
        label="ours",
        values=ours,
        low=[None if mean is None else mean - by for mean, by in zip(ours, spreads, strict=True)],
        high=[None if mean is None else mean + by for mean, by in zip(ours, spreads, strict=True)],
    )
    yield Points(
        name=f"{name}-means",
        caption=f"{stage_title(result)}: our means (± 1 standard deviation over the runs) and the published ones",
        x_label=stage_name(result.stage),
        y_label="mean validation accuracy",
        categories=[show_value(entry.value) for entry in result.entries],
        series=[series, Series(label="published", values=published)],
    )


def _backbone_blocks(record: Record, result: StageResult, name: str) -> list[Block]:
    pairs = [(show_value(entry.value), record.runs(entry)) for entry in result.entries]
    panels = [
        Panel(
            title=metric.replace("_", " "),
            x_label="epoch",
            y_label=metric.replace("_", " "),
            curves=[metric_curve(label, runs, metric) for label, runs in pairs if runs],
        )
        for metric in METRICS
    ]
    rows = [_last_epoch_row(label, runs) for label, runs in pairs]
    figures = [
        Lines(name=f"{name}-curves", caption="The backbones, untuned, per epoch", panels=panels),
    ]
    columns = [f"{metric.replace('_', ' ')}, {whose}" for metric in METRICS for whose in ("ours", "published")]
    table = Table(caption="Last epoch of each backbone, untuned", columns=("backbone", *columns), rows=rows)
    return [*(figures if any(panel.curves for panel in panels) else []), table]


def _last_epoch_row(backbone: str, runs: Sequence[TrialResult]) -> Sequence[str]:
    published = BACKBONES.get(backbone)
    cells = [backbone]
    for metric in METRICS:
        cells.append(with_spread(*last_epoch(runs, metric)))
        cells.append(figure(getattr(published, metric, None)))
    return cells


def _value(epoch: EpochMetrics, metric: str) -> float:
    return float(getattr(epoch, metric))
