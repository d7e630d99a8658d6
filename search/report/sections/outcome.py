"""Part of the report on the outcome: untuned, tuned, pretrained, held-out; and what others published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_prep.class_names import listed
from search.report.document import Block, Bullets, Paragraph, Section, Table
from search.report.published import AGE_ACCURACIES, FOLD_ACCURACIES, FoldAccuracy
from search.report.sections.next_steps import stages_left
from search.report.sections.stage_figures import last_epoch
from search.report.sections.ways import Way, ways_of
from search.report.words import stage_title, verdict_in_words
from search.space.labels import describe_config, named_stage, told_of
from search.statistics.baselines import NO_GAIN
from search.statistics.number_text import NONE, bracketed, decimal, with_spread
from search.study.snapshot import Snapshot
from search.study.stage_results import Result
from trainables.trial import TrialConfig

_PUBLISHED = (
    "; published: random 80/20 split, seed 7, 20 epochs, one run, the selecting 20 % are the reported 20 %"
)


def outcome_section(snapshot: Snapshot) -> Section:
    """Returns the part with the final table."""
    blocks: list[Block] = []
    if snapshot.last and snapshot.last.winner:
        blocks.append(Paragraph(_found(snapshot.last, snapshot.last.winner, _so_far(snapshot))))
    if snapshot.joint and snapshot.joint.winner:
        blocks.append(Paragraph(_found(snapshot.joint, snapshot.joint.winner, "The joint search ended with")))
    if snapshot.split_worth:
        blocks.append(
            Paragraph(f"What the split is worth, for the last winner: {snapshot.split_worth.statement}.")
        )
    blocks += [_final_table(snapshot), *_readings(snapshot.readings)]
    section = Section(name="outcome", title="Outcome", blocks=blocks)
    return section if snapshot.facts.is_of_gender else section.of_this_study()


def _found(result: Result, winner: TrialConfig, so_far: str) -> str:
    """Returns what was found; the whole statement, and what luck adds, stand in the part on that search."""
    lost = "No winner. " if result.verdict == NO_GAIN else ""
    verdict = verdict_in_words(result.verdict, result.not_for_new, result.statement)
    compared = f"Its last comparison ({stage_title(result).lower()}): {verdict}"
    return f"{lost}{so_far} {describe_config(winner, told_of(winner))}. {compared}."


def _so_far(snapshot: Snapshot) -> str:
    """Returns how a sentence on the staged search begins, which has ended only where no stage is left."""
    if snapshot.is_running:
        return "The search is running; its stages have found so far"
    left = stages_left(snapshot)
    if not left:
        return "The staged search ended with"
    return f"The staged search, without {listed(list(map(named_stage, left)))}, which did not run, found"


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
    return Table(
        caption=(
            "The ways to the outcome, last epoch (mean ± standard deviation over the runs; accuracy is on "
            "the training images, val accuracy on the validation images); read it from top to bottom to see "
            "what each step was worth"
            f"{_PUBLISHED if snapshot.facts.is_of_gender else ''}"
        ),
        columns=(
            "",
            "accuracy, ours",
            "accuracy, published",
            "val accuracy, ours",
            "val accuracy, published",
            "runs",
        ),
        rows=[_row(way) for way in ways_of(snapshot)],
    )


def _row(way: Way) -> Sequence[str]:
    cells = [way.title]
    for metric in ("accuracy", "val_accuracy"):
        cells.append(with_spread(*last_epoch(way.runs, metric)) if way.runs else way.absent)
        cells.append(decimal(getattr(way.published, metric, None)))
    return [*cells, str(len(way.runs)) if way.runs else NONE]


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
