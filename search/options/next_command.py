"""Next command to run for a study: the one that continues it, or the one that comes after."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.remote import shown
from search.options.command_line import command_of, options_of, options_of_study
from search.options.search_options import SearchOptions
from search.space.stages import ALL, EVERY_STAGE, FINETUNE, STAGES
from search.study.facts import StudyFacts
from search.study.folder import Command
from search.study.snapshot import Snapshot
from search.study.stage_results import JOINT, Result


def next_command_of(snapshot: Snapshot) -> str:
    """Returns the next command for a study; empty where its facts or its name cannot be typed any more."""
    ended = snapshot.finetune.finished_at if snapshot.finetune else ""
    with suppress(InputError):
        return next_command(
            snapshot.folder,
            snapshot.facts,
            snapshot.results,
            snapshot.command,
            finetuned_at=ended,
            running=snapshot.is_running,
        )
    return ""


def asked_of(last: Command | None, facts: StudyFacts) -> SearchOptions | None:
    """Returns the options of the last run with the preset of the study's data; None where there was none."""
    asked = options_of(last)
    return asked and asked.for_data(facts.source)


def command_for(snapshot: Snapshot, stage: str) -> str:
    """Returns the command for a stage of a study, or its joint search; as `next_command_of` does."""
    with suppress(InputError):
        asked, folder = asked_of(snapshot.command, snapshot.facts), snapshot.folder
        of_study = options_of_study(folder.name, shown(folder.parent), snapshot.facts, asked)
        options = of_study.for_stage(ALL if stage == JOINT else stage)
        if stage == JOINT:
            options = replace(options, stage=SearchOptions().stage, mode=JOINT)
        return command_of(options, snapshot.command.cwd if snapshot.command and asked else "")
    return ""


def next_command(
    folder: Path,
    facts: StudyFacts,
    results: Sequence[Result],
    last: Command | None,
    *,
    finetuned_at: str = "",
    running: bool = False,
) -> str:
    """Returns the whole command line; `results` are the finished stages, `last` what was run last.

    `finetuned_at` is when fine-tuning ended, empty where it did not. While `last` is `running` the command
    is the one after it. Without a last command the options that `facts` tell stand in it, and a word in
    capitals for the data.
    """
    asked, cwd = asked_of(last, facts), last.cwd if last else ""
    if last and asked and not running and _unfinished(asked, results, finetuned_at, last.started_at):
        return command_of(asked, cwd)
    finished = {result.stage for result in results} | set(asked.stage_names if asked and running else ())
    stage = next_stage(asked, finished)
    finetuned = finetuned_at or (asked and running and asked.wants_finetuning)
    # the heads read features in bfloat16 or of other pixels, which the final model does not compute
    is_rounded = facts.feature_precision is not None or facts.resize is not None
    if finetuned or (asked and asked.is_joint) or (stage == FINETUNE and is_rounded):
        return shlex.join(["python", "-m", "search.report", shown(folder)])
    of_study = options_of_study(folder.name, shown(folder.parent), facts, asked)
    return command_of(of_study.for_stage(stage), cwd if asked else "")


def _unfinished(asked: SearchOptions, results: Sequence[Result], finetuned_at: str, since: str) -> bool:
    """Returns whether a stage that was asked for has not finished `since` then."""
    if asked.wants_finetuning and finetuned_at < since:
        return True
    # ISO 8601 in UTC: texts in their order are moments in theirs
    finished = {result.stage for result in results if result.finished_at >= since}
    return not finished.issuperset([JOINT] if asked.is_joint else asked.stage_names)


def next_stage(asked: SearchOptions | None, finished: Collection[str]) -> str:
    """Returns the stage after the first finished one, in the preset's order, that is still to do.

    It is "finetune" where none is. `asked` are the options of the last run, `finished` names of stages.
    Nobody is sent back to what was left out before it: the backbone's stage alone takes hours without a GPU.
    """
    if asked and asked.stage == ALL:  # it left out only what was held
        return FINETUNE
    order = asked.order if asked else tuple(STAGES)
    done, given = set(finished) & set(order), asked.given if asked else {}
    following = dropwhile(lambda name: bool(done) and name not in done, order)
    left = (name for name in following if name not in done and EVERY_STAGE[name].hyperparameter not in given)
    return next(left, FINETUNE)
