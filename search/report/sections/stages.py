"""Parts of the report on the stages: curves, table, statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from search.report.document import Block, Bullets, Paragraph, Section, Table
from search.report.published import CHOSEN, PUBLISHED_BACKBONES, published_base, published_mean
from search.report.sections.stage_figures import (
    PANEL_METRICS,
    RunsByValue,
    beside_baselines,
    curves_of,
    figure_name,
    last_epoch,
    means_beside_published,
    runs_by_value,
)
from search.report.words import baseline_rows, remark, stage_title, statement_of, winner_rows
from search.space.labels import describe_config, label_of, show_value, stage_label, told_of
from search.space.stages import UNTUNED_HEADS
from search.statistics.number_text import NONE, bracketed, confidence, decimal, with_spread
from search.study.snapshot import Snapshot
from search.study.stage_results import Entry, StageResult
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import TrialResult


def stage_section(snapshot: Snapshot, result: StageResult) -> Section:
    """Returns the part on one stage."""
    name = figure_name(result)
    runs = runs_by_value(snapshot, result)
    published = snapshot.facts.is_of_gender
    blocks: list[Block] = [Paragraph(statement_of(result)), _base(result)]
    if published:
        blocks += _base_of_the_report(result)
    if not any(of_value for _, of_value in runs):
        blocks.append(Paragraph("No curve: the trials of this stage are not in the study's folder."))
    blocks += curves_of(snapshot, result)
    if result.stage == "backbone":
        blocks.append(_last_epochs(result, runs))
    blocks.append(_table(result, beside_baselines(snapshot, result)))
    if published:
        blocks += means_beside_published(result, name)
    if result.notes:
        blocks.append(Bullets(result.notes))
    section = Section(name=name, title=stage_title(result), blocks=blocks)
    return section if published else section.of_this_study()


def _base(result: StageResult) -> Paragraph:
    fixed = describe_config(result.base, _fixed(result))
    return Paragraph(f"Held fixed: {fixed}, {result.base.epochs} epochs.")


def _fixed(result: StageResult) -> list[str]:
    return [name for name in told_of(result.base) if name != result.hyperparameter]


def _base_of_the_report(result: StageResult) -> Iterator[Block]:
    """Yields how what was varied differs from what the report varied in this stage."""
    if result.stage not in CHOSEN:
        yield Paragraph("The report did not run this stage; it names it as future work.")
        return
    published = published_base(result.stage)
    if result.stage == "backbone":  # each has its own untuned head
        head = UNTUNED_HEADS.get(result.base.backbone, {})
        published = replace(published, backbone=result.base.backbone, **head)
    differing = [name for name in _fixed(result) if getattr(result.base, name) != getattr(published, name)]
    if differing:
        yield Paragraph(
            f"The report's configuration differed in this stage: {describe_config(published, differing)}."
        )


def _table(result: StageResult, beside: str) -> Table:
    columns = (
        stage_label(result.stage),
        "ours",
        "published",
        "winner minus this",
        confidence(result.protocol.level),
        "verdict, status",
        "best val accuracy",
        "best epoch",
        "training accuracy at inference",
        "seconds",
        "runs",
    )
    return Table(
        caption=(
            f"{_what(result.objective)} (mean ± standard deviation over the runs); the winner is in bold, "
            "those tied or undecided could just as well have won"
        ),
        columns=columns,
        rows=[
            *(_row(entry, result) for entry in result.entries),
            *baseline_rows(result.baselines, columns, value="ours", remark="verdict, status", beside=beside),
        ],
        strong=winner_rows(result),
    )


def _what(objective: Objective) -> str:
    if objective == OBJECTIVE:
        return "Mean over the epochs of the validation accuracy"
    better = "less" if objective.mode == "min" else "more"
    return f"{objective.name[0].upper()}{objective.name[1:]}, of which {better} is better"


def _row(entry: Entry, result: StageResult) -> Sequence[str]:
    return (
        show_value(entry.value),
        with_spread(entry.mean, entry.spread),
        decimal(published_mean(result.stage, entry.value) if result.objective == OBJECTIVE else None),
        decimal(entry.difference),
        bracketed(entry.interval),
        remark(entry, result),
        decimal(entry.best_val_accuracy),
        NONE if entry.best_epoch is None else str(entry.best_epoch),
        decimal(entry.train_accuracy_at_inference),
        decimal(entry.seconds, 1),
        f"{len(entry.trials)}" + (f" ({len(entry.reused)} reused)" if entry.reused else ""),
    )


def _last_epochs(result: StageResult, runs: RunsByValue) -> Table:
    columns = [f"{label_of(metric)}, {whose}" for metric in PANEL_METRICS for whose in ("ours", "published")]
    return Table(
        caption=f"{stage_title(result)}: last epoch (mean ± standard deviation over the runs)",
        columns=("backbone", *columns),
        rows=[_last_epoch_row(label, of_value) for label, of_value in runs],
    )


def _last_epoch_row(backbone: str, runs: Sequence[TrialResult]) -> Sequence[str]:
    published = PUBLISHED_BACKBONES.get(backbone)
    cells = [backbone]
    for metric in PANEL_METRICS:
        cells += [with_spread(*last_epoch(runs, metric)), decimal(getattr(published, metric, None))]
    return cells
