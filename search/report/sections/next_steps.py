"""Part of the report on what to do next: what the study has not run yet, and the commands for it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.storage.remote import shown
from search.options.next_command import asked_of, command_for, next_command_of, next_stage
from search.report.document import Bullets, Section
from search.report.sections.ways import is_worth_it, leader_of
from search.space.labels import named_stage
from search.space.stages import FINETUNE, STAGES
from search.statistics.baselines import NO_GAIN
from search.statistics.number_text import NONE, bracketed
from search.study.layout import Layout
from search.study.snapshot import Snapshot
from search.study.stage_results import JOINT


def next_steps_section(snapshot: Snapshot) -> Section:
    """Returns the part on what is left to do, each with its command."""
    return Section(name="next", title="What to do next", blocks=[Bullets(list(_steps(snapshot)))])


def stages_left(snapshot: Snapshot) -> Sequence[str]:
    """Returns the stages that the staged search still has before it; none once it has ended."""
    asked, finished = asked_of(snapshot.command, snapshot.facts), _finished(snapshot)
    missing = [name for name in (asked.stage_names if asked else ()) if name not in finished]
    if missing:
        return missing
    following = next_stage(asked, finished)
    return [] if following == FINETUNE else [following]


def _steps(snapshot: Snapshot) -> Iterator[str]:
    command = next_command_of(snapshot)
    if command and " search.report " not in command:  # this is the report
        yield f"Next: {command}"
    singles = [named_stage(result.stage) for result in snapshot.results if result.verdict == "single"]
    if singles:
        yield (
            f"One run per value ({', '.join(dict.fromkeys(singles))}): with --repeats auto behind it, the "
            "command of that search adds seeds until the winner is clear, or known to be tied."
        )
    yield from _more_pictures(snapshot)
    yield from _not_run(snapshot)


def _more_pictures(snapshot: Snapshot) -> Iterator[str]:
    """Yields what helps where the search has found nothing that is better than what costs nothing."""
    leader = leader_of(snapshot)
    if leader is None or is_worth_it(leader) is not False:
        return
    decided = leader.result or snapshot.finetune
    found = decided.breakdown if decided and decided.breakdown else {}
    simple = "always one answer" if leader.verdict == NO_GAIN else "a linear classifier on the same features"
    yield (
        "More pictures, pictures of another kind, or another backbone (--backbone) are likelier to help than "
        f"more tuning: nothing was shown to be better than {simple}. The "
        f"{found.get('n', NONE)} validation images leave one model's accuracy open within "
        f"{bracketed(found.get('interval'))}; four times as many about halve that."
    )


def _not_run(snapshot: Snapshot) -> Iterator[str]:
    asked, finished = asked_of(snapshot.command, snapshot.facts), _finished(snapshot)
    missing = [name for name in (asked.order if asked else STAGES) if name not in finished]
    if missing:
        yield (
            f"Not run: {', '.join(map(named_stage, missing))}. The command for one of them is "
            f"{command_for(snapshot, missing[0])}"
        )
    if snapshot.joint is None:
        theirs = " The report of 2021 ran none." if snapshot.facts.is_of_gender else ""
        yield (
            f"Joint search (several hyperparameters at once): not run.{theirs} The command is "
            f"{command_for(snapshot, JOINT)}"
        )
    if snapshot.finetune is None:
        celeba = " (--celeba with a manifest of CelebA pretrains it)" * snapshot.facts.is_of_gender
        yield (
            f"Fine-tuning, which makes the final model: not run{celeba}. The command is "
            f"{command_for(snapshot, FINETUNE)}"
        )
    elif snapshot.photographs is None:
        folder, here = snapshot.folder, Path.cwd()
        folder = folder.relative_to(here) if folder.is_relative_to(here) else folder
        study, out = shlex.quote(shown(folder)), Layout(folder).photographs
        yield (
            "Photographs of your own: none have been classified yet. The command, with your files in place "
            f"of PHOTO, is python -m search.predict {study} PHOTO --out {shlex.quote(shown(out))}"
        )


def _finished(snapshot: Snapshot) -> set[str]:
    return {result.stage for result in snapshot.staged}
