"""Parts of the report on the final model: the ways to it, its errors, and what it says of photographs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from search.report.document import Block, Paragraph, PngImage, Section, Table
from search.report.sections.errors import errors_blocks
from search.report.sections.stage_figures import epoch_curves
from search.report.words import baseline_rows
from search.space.labels import label_of
from search.statistics.number_text import bracketed, decimal, with_spread
from search.study.finetune_result import ColumnResult, FinetuneResult
from search.study.layout import Layout
from search.study.snapshot import Snapshot


def finetune_sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yields the parts on fine-tuning and on the ten photographs."""
    title = "Pretraining and fine-tuning"
    found = snapshot.finetune
    if found is None:
        celeba = " --celeba MANIFEST" if snapshot.facts.is_of_gender else ""
        command = f"python -m search.run --stage finetune{celeba} --study {snapshot.name}"
        absent = Paragraph(f"Not run; the command is {command}.")
        yield Section(name="finetune", title=title, blocks=[absent])
    else:
        yield Section(name="finetune", title=title, blocks=list(_blocks(snapshot, found)))
        winner = found.column(found.winner or "")
        if winner:
            name, title = "finetune-errors", f"Errors of the final model ({winner.title})"
            yield Section(name=name, title=title, blocks=errors_blocks(found.breakdown, name, snapshot.facts))
    yield Section(name="photographs", title="Ten photographs", blocks=list(_photographs(snapshot)))


def _blocks(snapshot: Snapshot, found: FinetuneResult) -> Iterator[Block]:
    yield Paragraph(f"The winner of {found.origin}, trained in {len(found.columns)} ways: {found.statement}.")
    if found.decided_by:
        yield Paragraph(found.decided_by)
    if found.pretraining:
        facts = found.pretraining
        yield Paragraph(
            f"Pretrained on {facts['train']:,} images of {facts['source']} for {facts['epochs']} epochs, "
            f"{facts['validation']:,} others validated it. The weights after its last epoch are the first of "
            "the fine-tuning, with the same configuration, split and seeds as without."
        )
    if found.calibration:
        yield Paragraph(f"Of the final model {found.calibration.statement}.")
    runs = [(each.title, snapshot.runs(each)) for each in found.columns]
    yield from epoch_curves("Final models", runs, "finetune")
    columns = ("", *map(label_of, found.metrics), "difference", "interval", "p")
    yield Table(
        caption="Last epoch (mean ± standard deviation over the runs); difference: winner less this, of the "
        f"{found.objective.name.removesuffix(' of the last epoch')}",
        columns=columns,
        rows=[
            *(_row(column, found.metrics) for column in found.columns),
            *baseline_rows(found.baselines, columns, value=label_of("val_accuracy"), remark="difference"),
        ],
        strong=frozenset(n for n, column in enumerate(found.columns) if column.name == found.winner),
    )


def _row(column: ColumnResult, metrics: Sequence[str]) -> tuple[str, ...]:
    cells = [with_spread(*column.figures[metric]) for metric in metrics]
    standing = " (equivalent)" if column.equivalent else " (tied)" if column.tied else ""
    difference = decimal(column.difference) + standing
    return (column.title, *cells, difference, bracketed(column.interval), decimal(column.p_value))


def _photographs(snapshot: Snapshot) -> Iterator[Block]:
    if snapshot.photographs is None:
        out = Layout(Path("STUDY")).photographs
        command = f"python -m search.predict {snapshot.name} PHOTO … --out {out}"
        yield Paragraph(f"Not there; the command is {command}.")
        return
    yield Paragraph("What the final model says of each picture: its label, and how probable it takes it.")
    caption = "Pictures with label and probability"
    yield PngImage(name="photographs", caption=caption, png=snapshot.photographs)
