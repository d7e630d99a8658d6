"""Parts of the report on the final model: the ways to it, its errors, and what it says of photographs."""

from __future__ import annotations

from collections.abc import Iterator

from search.report.document import Block, Paragraph, PngImage, Section, Table
from search.report.sections.errors import errors_blocks
from search.report.sections.stage_figures import epoch_curves
from search.report.words import baseline_rows
from search.space.labels import label_of
from search.statistics.number_text import bracketed, decimal, with_spread
from search.study.finetune_result import ColumnResult, FinetuneResult
from search.study.snapshot import Snapshot


def finetune_sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yields the part on fine-tuning, where it has run."""
    found = snapshot.finetune
    if found:
        blocks = list(_blocks(snapshot, found))
        is_tuned = found.pretraining or any(column.name.startswith("blocks") for column in found.columns)
        title = "Pretraining and fine-tuning" if is_tuned else "The ways to the final model"
        yield Section(name="finetune", title=title, blocks=blocks)


def final_errors_sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yields the part on the errors of the final model, where there is one."""
    found = snapshot.finetune
    winner = found and found.column(found.winner or "")
    if found and winner:
        name, title = "finetune-errors", f"Errors of the final model ({winner.title})"
        yield Section(name=name, title=title, blocks=errors_blocks(found.breakdown, name, snapshot.facts))


def photographs_sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yields the part on the photographs that the final model classified, where there are any."""
    if snapshot.photographs is None:
        return
    caption = "What the final model says of each picture: its label, and how probable it takes it"
    picture = PngImage(name="photographs", caption=caption, png=snapshot.photographs)
    yield Section(name="photographs", title="Photographs", blocks=[picture])


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
        yield Paragraph(f"Final model: {found.calibration.statement}.")
    runs = [(each.title, snapshot.runs(each)) for each in found.columns]
    yield from epoch_curves("Final models", runs, "finetune")
    heads = [label_of(metric).replace("auc", "val AUC") for metric in found.metrics]
    columns = ("", *heads, "difference", "interval", "p")
    yield Table(
        caption="Last epoch (mean ± standard deviation over the runs); difference: winner minus this, of the "
        f"{found.objective.name.removesuffix(' of the last epoch')}",
        columns=columns,
        rows=[
            *(_row(column, found) for column in found.columns),
            *baseline_rows(found.baselines, columns, value=label_of("val_accuracy"), remark="difference"),
        ],
        strong=frozenset(n for n, column in enumerate(found.columns) if column.name == found.winner),
    )


def _row(column: ColumnResult, found: FinetuneResult) -> tuple[str, ...]:
    cells = [with_spread(*column.figures[metric]) for metric in found.metrics]
    stands = "" if column.name == found.winner else found.standing(column)
    difference = decimal(column.difference) + (f" ({stands})" if stands else "")
    return (column.title, *cells, difference, bracketed(column.interval), decimal(column.p_value))
