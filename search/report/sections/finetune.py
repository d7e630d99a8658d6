"""The parts of the report on the final model: the ways to it, its errors, and what it says of photographs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from search.report.document import Block, Paragraph, PngImage, Section, Table
from search.report.sections.errors import errors_blocks
from search.report.sections.stage_figures import epoch_curves
from search.space.labels import label_of
from search.statistics.number_text import bracketed, decimal, with_spread
from search.study.finetune_result import FINETUNE_METRICS, ColumnResult, FinetuneResult
from search.study.layout import Layout
from search.study.snapshot import Snapshot

_COMMAND = "python -m search.run --stage finetune --celeba MANIFEST"
_PREDICT = "python -m search.predict"
_STUDY = Path("STUDY")  # in commands to copy


def finetune_sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yields the parts on fine-tuning and on the ten photographs."""
    title = "Pretraining and fine-tuning"
    found = snapshot.finetune
    if found is None:
        text = f"Not run; the command is {_COMMAND} --study {snapshot.name}."
        yield Section(name="finetune", title=title, blocks=[Paragraph(text)])
    else:
        yield Section(name="finetune", title=title, blocks=list(_blocks(snapshot, found)))
        winner = found.column(found.winner or "")
        if winner:
            blocks = errors_blocks(found.breakdown, "finetune-errors")
            yield Section(
                name="finetune-errors", title=f"Errors of the final model ({winner.title})", blocks=blocks
            )
    yield Section(name="photographs", title="Ten photographs", blocks=list(_photographs(snapshot)))


def _blocks(snapshot: Snapshot, found: FinetuneResult) -> Iterator[Block]:
    yield Paragraph(f"The winner of {found.origin}, trained in {len(found.columns)} ways: {found.statement}.")
    if found.pretraining:
        facts = found.pretraining
        yield Paragraph(
            f"Pretrained on {facts['train']:,} images of {facts['source']} for {facts['epochs']} epochs, "
            f"{facts['validation']:,} others validated it. The weights after its last epoch are the first of "
            "the fine-tuning, with the same configuration, split and seeds as without."
        )
    yield from epoch_curves(
        "Final models", [(each.title, snapshot.runs(each)) for each in found.columns], "finetune"
    )
    yield Table(
        caption="Last epoch (mean ± standard deviation over the runs); difference: winner less this, of the "
        "validation accuracy",
        columns=(
            "",
            *map(label_of, FINETUNE_METRICS),
            "difference",
            "interval",
            "p",
        ),
        rows=[_row(column) for column in found.columns],
        strong=frozenset(
            number for number, column in enumerate(found.columns) if column.name == found.winner
        ),
    )


def _row(column: ColumnResult) -> tuple[str, ...]:
    cells = [
        with_spread(mean, spread) for mean, spread in (column.figures[metric] for metric in FINETUNE_METRICS)
    ]
    tied = " (tied)" if column.tied else ""
    return (
        column.title,
        *cells,
        decimal(column.difference) + tied,
        bracketed(column.interval),
        decimal(column.p_value),
    )


def _photographs(snapshot: Snapshot) -> Iterator[Block]:
    if snapshot.photographs is None:
        command = f"{_PREDICT} {snapshot.name} PHOTO … --out {Layout(_STUDY).photographs}"
        yield Paragraph(f"Not there; the command is {command}.")
        return
    yield Paragraph("What the final model says of each picture: its label, and how probable it takes it.")
    yield PngImage(
        name="photographs", caption="Pictures with label and probability", png=snapshot.photographs
    )
