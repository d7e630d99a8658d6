"""Part of the report on what to do next: what the study has not run yet, and the commands for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from search.options.command_line import options_of
from search.options.next_command import next_command_of, next_stage
from search.options.search_options import SearchOptions
from search.report.document import Bullets, Section
from search.space.stages import FINETUNE, STAGES
from search.study.layout import Layout
from search.study.snapshot import Snapshot


def next_steps_section(snapshot: Snapshot) -> Section:
    """Returns the part on what is left to do, each with its command."""
    return Section(name="next", title="What to do next", blocks=[Bullets(list(_steps(snapshot)))])


def stages_left(snapshot: Snapshot) -> Sequence[str]:
    """Returns the stages that the staged search still has before it; none once it has ended."""
    asked, finished = _asked(snapshot), _finished(snapshot)
    missing = [name for name in (asked.stage_names if asked else ()) if name not in finished]
    if missing:
        return missing
    following = next_stage(asked, finished)
    return [] if following == FINETUNE else [following]


def _steps(snapshot: Snapshot) -> Iterator[str]:
    command = next_command_of(snapshot)
    if command and " search.report " not in command:  # this is the report
        yield f"Next: {command}"
    singles = [result.stage for result in snapshot.results if result.verdict == "single"]
    if singles:
        yield (
            f"One run per value ({', '.join(dict.fromkeys(singles))}): the same command with --repeats auto "
            "adds seeds until the winner is clear, or known to be tied."
        )
    yield from _not_run(snapshot)


def _not_run(snapshot: Snapshot) -> Iterator[str]:
    data = "" if snapshot.facts.is_drawn else " --data MANIFEST"
    asked, finished = _asked(snapshot), _finished(snapshot)
    missing = [name for name in (asked.order if asked else STAGES) if name not in finished]
    if missing:
        yield (
            f"Not run: {', '.join(missing)}. The command for one of them is "
            f"python -m search.run --stage {missing[0]} --study {snapshot.name}{data}."
        )
    if snapshot.joint is None:
        theirs = " The report of 2021 ran none." if snapshot.facts.is_of_gender else ""
        yield (
            "Joint search (several hyperparameters at once): not run; the command is "
            f"python -m search.run --mode joint --study {snapshot.name}{data}.{theirs}"
        )
    if snapshot.finetune is None:
        celeba = " --celeba MANIFEST" if snapshot.facts.is_of_gender else ""
        yield (
            "Fine-tuning, which makes the final model: not run; the command is "
            f"python -m search.run --stage finetune --study {snapshot.name}{data}{celeba}."
        )
    elif snapshot.photographs is None:
        out = Layout(Path("STUDY")).photographs
        yield (
            "Photographs of your own: none have been classified yet; the command is "
            f"python -m search.predict {snapshot.name} PHOTO … --out {out}."
        )


def _asked(snapshot: Snapshot) -> SearchOptions | None:
    """Returns the options of the last run with the preset of the study's data; None where there was none."""
    asked = options_of(snapshot.command)
    return asked and asked.for_data(snapshot.facts.source)


def _finished(snapshot: Snapshot) -> set[str]:
    return {result.stage for result in snapshot.staged}
