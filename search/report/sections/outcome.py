"""Part of the report on the outcome: untuned, tuned, pretrained, held-out; and what others published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from search.report.document import Block, Bullets, Paragraph, Section, Table
from search.report.published import (
    AGE_ACCURACIES,
    FOLD_ACCURACIES,
    PUBLISHED_PRETRAINED,
    PUBLISHED_TUNED,
    PUBLISHED_UNTUNED,
    FoldAccuracy,
    LastEpoch,
    published_base,
)
from search.report.sections.stage_figures import last_epoch
from search.report.words import stage_title
from search.space.labels import describe_config, told_of
from search.space.stages import UNTUNED_HEADS
from search.statistics.baselines import NO_GAIN
from search.statistics.number_text import NONE, bracketed, decimal, with_spread
from search.statistics.verdict_text import flattered
from search.study.snapshot import Snapshot
from search.study.stage_results import Result
from trainables.trial import TrialResult

_FINETUNE = "python -m search.run --stage finetune"
_PUBLISHED = (
    "; published: random 80/20 split, seed 7, 20 epochs, one run, the selecting 20 % are the reported 20 %"
)


def outcome_section(snapshot: Snapshot) -> Section:
    """Returns the part with the final table."""
    blocks: list[Block] = []
    for result, way in ((snapshot.last, "staged"), (snapshot.joint, "joint")):
        if result and result.winner:
            found = describe_config(result.winner, told_of(result.winner))
            lost = "No winner. " if result.verdict == NO_GAIN else ""
            text = (
                f"{lost}The {way} search ended with {found}. What may be said of its last comparison "
                f"({stage_title(result).lower()}): {result.statement}."
            )
            if result.corrected is not None and len(result.entries) > 1:
                mean = result.entry_of(result.winner).mean
                text += f" Of its value: {flattered(mean, result.corrected)}."
            blocks.append(Paragraph(text))
    if snapshot.split_worth:
        blocks.append(
            Paragraph(f"What the split is worth, for the last winner: {snapshot.split_worth.statement}.")
        )
    blocks += [_final_table(snapshot), *_readings(snapshot.readings)]
    section = Section(name="outcome", title="Outcome", blocks=blocks)
    return section if snapshot.facts.is_of_gender else section.of_this_study()


def elsewhere_section(snapshot: Snapshot) -> Section:
    """Returns the part with the published accuracies on Adience's five folds."""
    reading = _on_the_same_folds(snapshot)
    table = Table(
        caption="Gender accuracy on Adience in percent, five folds with no subject in two of them",
        columns=("network", "accuracy", "how", "source"),
        rows=[*map(_ours_on_folds, reading), *(_fold_row(row) for row in FOLD_ACCURACIES)],
        strong=frozenset(range(len(reading))),
    )
    return _published_elsewhere(reading, table)


def ages_elsewhere_section(snapshot: Snapshot) -> Section:
    """Returns the part with the published accuracies of ages on Adience's five folds."""
    reading = _on_the_same_folds(snapshot)
    table = Table(
        caption="Accuracy of Adience's age groups in percent, five folds with no subject in two of them",
        columns=("network", "accuracy", "at most one group away", "how", "source"),
        rows=[
            *(_with_one_off(_ours_on_folds(each), _one_off(each)) for each in reading),
            *(_with_one_off(_fold_row(row), _published_one_off(row)) for row in AGE_ACCURACIES),
        ],
        strong=frozenset(range(len(reading))),
    )
    return _published_elsewhere(reading, table)


def _on_the_same_folds(snapshot: Snapshot) -> Sequence[Mapping[str, Any]]:
    """Returns the last reading of held-out folds, where the published ones are of the same."""
    # these photographs and these folds; any other figure beside the published ones would mislead
    comparable = (snapshot.facts.split, snapshot.facts.source) == ("folds", "adience")
    return snapshot.readings[-1:] if comparable else []


def _published_elsewhere(reading: Sequence[Mapping[str, Any]], table: Table) -> Section:
    remark = (
        "This study uses the same folds; its figure below is of data that no selection saw."
        if reading
        else "No figure of this study can stand in this table: that takes the photographs of Adience, "
        "--split folds, and a reading of the held-out folds (--final)."
    )
    return Section(name="elsewhere", title="Published elsewhere", blocks=[Paragraph(remark), table])


def _with_one_off(row: Sequence[str], one_off: str) -> Sequence[str]:
    return [*row[:2], one_off, *row[2:]]


def _one_off(reading: Mapping[str, Any]) -> str:
    found = reading.get("breakdown")
    share = found.get("one_off") if isinstance(found, dict) else None
    return decimal(share * 100, 2) if isinstance(share, int | float) else NONE


def _published_one_off(row: FoldAccuracy) -> str:
    return f"{row.one_off[0]:g} ± {row.one_off[1]:g}" if row.one_off else NONE


def _final_table(snapshot: Snapshot) -> Table:
    staged, joint, published = snapshot.last, snapshot.joint, snapshot.facts.is_of_gender
    command, without = "python -m search.run --stage backbone", ", no CelebA" if published else ""
    rows = [
        _row("untuned", _untuned_runs(snapshot), PUBLISHED_UNTUNED, f"not run: needs {command}"),
        _row(f"tuned{without}", _winner_runs(snapshot, staged), PUBLISHED_TUNED, "not run"),
    ]
    if joint:
        rows.append(_row(f"tuned jointly{without}", _winner_runs(snapshot, joint), None, "no winner"))
    rows.extend(_finetuned_rows(snapshot))
    return Table(
        caption=(
            "Last epoch (mean ± standard deviation over the runs). Ours: the protocol above"
            f"{_PUBLISHED if published else ''}"
        ),
        columns=(
            "",
            "accuracy, ours",
            "accuracy, published",
            "val accuracy, ours",
            "val accuracy, published",
            "runs",
        ),
        rows=rows,
    )


def _row(name: str, runs: Sequence[TrialResult], published: LastEpoch | None, absent: str) -> Sequence[str]:
    cells = [name]
    for metric in ("accuracy", "val_accuracy"):
        cells.append(with_spread(*last_epoch(runs, metric)) if runs else absent)
        cells.append(decimal(getattr(published, metric, None)))
    return [*cells, str(len(runs)) if runs else NONE]


def _finetuned_rows(snapshot: Snapshot) -> Iterator[Sequence[str]]:
    """Yields the rows of fine-tuning: the pretrained column, and those with unfrozen blocks."""
    columns = snapshot.finetune.columns if snapshot.finetune else ()
    pretrained = [column for column in columns if column.name == "pretrained"]
    runs = snapshot.runs(pretrained[0]) if pretrained else []
    if snapshot.facts.is_of_gender:
        absent = f"not run: needs {_FINETUNE} --celeba MANIFEST"
        yield _row("tuned, CelebA-pretrained", runs, PUBLISHED_PRETRAINED, absent)
    elif pretrained:
        yield _row(pretrained[0].title, runs, None, "not run")
    for column in columns:
        if column.name.startswith("blocks"):
            yield _row(column.title, snapshot.runs(column), None, column.reason or "not run")


def _winner_runs(snapshot: Snapshot, result: Result | None) -> list[TrialResult]:
    if result is None or result.winner is None:
        return []
    return snapshot.runs(result.entry_of(result.winner))


def _untuned_runs(snapshot: Snapshot) -> list[TrialResult]:
    """Returns the runs of the winner's backbone as the report's backbone stage has it, by whichever stage."""
    finetuned = snapshot.finetune and snapshot.finetune.column("untuned")
    if finetuned:
        return snapshot.runs(finetuned)
    last = snapshot.last or snapshot.joint
    if last is None or last.winner is None:
        return []
    backbone = last.winner.backbone
    untuned = replace(published_base("backbone"), backbone=backbone, **UNTUNED_HEADS.get(backbone, {}))
    untuned = replace(untuned, seed=last.winner.seed, epochs=last.winner.epochs)  # as all runs of this study
    entry = snapshot.entry_like(untuned)
    return snapshot.runs(entry) if entry else []


def _readings(readings: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """Yields what the winners reached on data that no selection saw."""
    if not readings:
        return
    rows = [
        (
            str(reading.get("stage", NONE)),
            _held_out(reading),
            _interval(reading),
            NONE,
            str(reading.get("n", NONE)),
            str(reading.get("split", NONE)),
            str(reading.get("read_at", NONE)),
        )
        for reading in readings
    ]
    yield Table(
        caption="The winner on held-out data (accuracy ± standard error over the splits, last epoch)",
        columns=("winner of", "ours", "95 % interval", "published", "images", "split", "read at"),
        rows=rows,
    )
    count = _readings_of_data(readings)
    times = "once" if count == 1 else f"{count} times; each reading after the first tells less"
    yield Bullets([f"The held-out rows of this data were read {times}."])


def _interval(reading: Mapping[str, Any]) -> str:
    interval = bracketed(reading.get("interval"))
    return interval if interval == NONE else f"{interval} over {reading.get('interval_over', NONE)}"


def _readings_of_data(readings: Sequence[Mapping[str, Any]]) -> int:
    """Returns how often anybody has read the held-out rows by the last reading, which counts too."""
    others = readings[-1].get("read_before")
    return max(len(readings), 1 + len(others) if isinstance(others, list) else 0)


def _held_out(reading: Mapping[str, Any], factor: float = 1.0, digits: int = 4) -> str:
    accuracy, error = reading.get("accuracy"), reading.get("standard_error")
    if not isinstance(accuracy, int | float):
        return NONE
    shown = decimal(accuracy * factor, digits)
    return f"{shown} ± {decimal(error * factor, digits)}" if isinstance(error, int | float) else shown


def _ours_on_folds(reading: Mapping[str, Any]) -> Sequence[str]:
    config = reading.get("config")
    backbone = str(config.get("backbone", NONE)) if isinstance(config, dict) else NONE
    return [backbone, _held_out(reading, 100, 2), "± standard error over the folds", "this study"]


def _fold_row(row: FoldAccuracy) -> Sequence[str]:
    accuracy = " to ".join(_percent(end) for end in sorted({row.low, row.high}))
    if row.spread is not None:
        accuracy += f" ± {_percent(row.spread)}"
    return [row.network, accuracy, row.note, row.source]


def _percent(value: float) -> str:
    return f"{value:.2f}".removesuffix("0")  # as it was printed: 85.9, and 96.51
