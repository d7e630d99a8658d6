"""Part of the report on what the stages handed over, and what later sweeps changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.report.document import Block, Bullets, Section, Table
from search.report.published import CHOSEN
from search.report.words import stage_title
from search.space.labels import label_of, show_value, told_of
from search.space.stages import EVERY_STAGE
from search.statistics.number_text import NONE
from search.statistics.verdict_text import verdict_word
from search.study.descriptions import describe_sweep
from search.study.snapshot import Snapshot
from search.study.stage_results import StageResult

_DEFAULT = "default"


def hand_over_section(snapshot: Snapshot) -> Section:
    """Returns the part on which stage gave which value to the stages after it."""
    told = told_of(
        *(config for result in snapshot.staged for config in (result.base, result.winner) if config)
    )
    # what each stage holds fixed stands beside it: here is what was ever given, varied or handed on
    names = [name for name in told if any(_is_told(result, name) for result in snapshot.staged)]
    chain = Table(
        caption="Where the values of each stage came from, and what it handed on to later stages",
        columns=("stage", "winner", "published", "verdict", *map(label_of, names)),
        rows=[_row(result, names) for result in snapshot.staged],
    )
    blocks = [*([chain] if snapshot.staged else []), *_sweeps(snapshot)]
    section = Section(name="hand-over", title="What each stage handed over", blocks=blocks)
    return section if snapshot.facts.is_of_gender else section.of_this_study()


def _row(result: StageResult, names: Sequence[str]) -> Sequence[str]:
    cells = [_taken_over(result, name) for name in names]
    verdict = verdict_word(result.verdict, result.not_for_new)
    return [stage_title(result), _gave(result), _published(result.stage), verdict, *cells]


def _is_told(result: StageResult, name: str) -> bool:
    return name == result.hyperparameter or _origin(result, name) != _DEFAULT


def _gave(result: StageResult | None) -> str:
    return show_value(getattr(result.winner, result.hyperparameter)) if result and result.winner else NONE


def _published(stage: str) -> str:
    return show_value(CHOSEN[stage]) if stage in CHOSEN else NONE


def _taken_over(result: StageResult, name: str) -> str:
    if name == result.hyperparameter:
        return "varied"
    return f"{show_value(getattr(result.base, name))} ({_origin(result, name)})"


def _origin(result: StageResult, name: str) -> str:
    return result.taken_over.get(name, _DEFAULT)


def _sweeps(snapshot: Snapshot) -> Iterator[Block]:
    """Yields what the second and later sweeps changed."""
    sweeps = sorted({result.sweep for result in snapshot.staged})
    if sweeps in ([], [1]):
        return
    stages = [name for name in EVERY_STAGE if snapshot.stage(name)]
    theirs = "; the report went through the stages once" if snapshot.facts.is_of_gender else ""
    yield Table(
        caption=f"The winners by sweep{theirs}",
        columns=("stage", *(f"sweep {sweep}" for sweep in sweeps), "published"),
        rows=[
            (name, *(_gave(snapshot.stage(name, sweep)) for sweep in sweeps), _published(name))
            for name in stages
        ],
    )
    # a second sweep of a stage whose first was never run, or cannot be read, has nothing to differ from
    comparable = [
        result
        for result in snapshot.staged
        if result.sweep == 1 or snapshot.stage(result.stage, result.sweep - 1) is not None
    ]
    later = sorted({result.sweep for result in comparable if result.sweep > 1})
    yield Bullets([f"{describe_sweep(comparable, sweep)}." for sweep in later])
