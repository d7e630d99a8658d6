"""The next command to run for a study: the one that continues it, or the one that comes after."""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
from collections.abc import Sequence
from itertools import dropwhile
from pathlib import Path

from data_prep.storage.remote import shown
from search.options.command_line import study_options
from search.options.finetune_options import is_wanted
from search.options.parser import parse_arguments
from search.options.search_options import stage_names
from search.space.stages import ALL, FINETUNE, STAGES
from search.study.facts import StudyFacts
from search.study.folder import Command
from search.study.stage_results import JOINT, Result

_OF_SEVERAL_STAGES = ("--stage", "--order", "--sweeps")  # each with a value


def next_command(
    folder: Path,
    facts: StudyFacts,
    results: Sequence[Result],
    last: Command | None,
    finetuned_at: str = "",
) -> str:
    """Returns the whole command line; `results` are the finished stages, `last` what was run last.

    `finetuned_at` is when fine-tuning ended, empty where it did not. Without a last command the options
    that `facts` tell stand in it, and a word in capitals for the data.
    """
    asked = _parsed(last)
    if last and asked and _unfinished(asked, results, finetuned_at, last.started_at):
        return _in(last.cwd, shlex.join(["python", "-m", "search.run", *last.argv]))
    stage = _next_stage(asked, results)
    if finetuned_at or (asked and asked.mode == JOINT) or (stage == FINETUNE and _reads_rounded(facts)):
        return _in("", shlex.join(["python", "-m", "search.report", str(folder)]))
    if last and asked:
        return _in(last.cwd, shlex.join(["python", "-m", "search.run", *_for_stage(last.argv, stage)]))
    words = study_options(folder.name, shown(folder.parent), facts)
    return _in("", shlex.join(["python", "-m", "search.run", "--stage", stage, *words]))


def _parsed(last: Command | None) -> argparse.Namespace | None:
    if last is None:
        return None
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return parse_arguments(last.argv)
    except SystemExit:  # of another version
        return None


def _unfinished(asked: argparse.Namespace, results: Sequence[Result], finetuned_at: str, since: str) -> bool:
    """Returns whether a stage that was asked for has not finished `since` then."""
    if is_wanted(asked) and finetuned_at < since:
        return True
    finished = {result.stage for result in results if result.finished_at >= since}
    names = [JOINT] if asked.mode == JOINT else stage_names(asked)
    return not finished.issuperset(names)


def _next_stage(asked: argparse.Namespace | None, results: Sequence[Result]) -> str:
    """Returns the stage after the first finished one, in the report's order, that is still to do.

    Nobody is sent back to what was left out before it: the backbone's stage alone takes hours without a GPU.
    """
    if asked and asked.stage == ALL:
        return FINETUNE
    finished = {result.stage for result in results} & set(STAGES)
    following = dropwhile(lambda name: bool(finished) and name not in finished, STAGES)
    given = asked.given if asked else {}
    left = (name for name in following if name not in finished and STAGES[name].hyperparameter not in given)
    return next(left, FINETUNE)


def _reads_rounded(facts: StudyFacts) -> bool:
    """Returns whether the study's heads read features that the final model does not compute."""
    return facts.feature_precision is not None


def _for_stage(argv: Sequence[str], stage: str) -> list[str]:
    """Returns `argv` with another stage, and without what does not go with it."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, _ = word.partition("=")
        if name in _OF_SEVERAL_STAGES:
            if not equals:
                next(words, None)
        elif name != "--final":
            kept.append(word)
    return ["--stage", stage, *kept]


def _in(cwd: str, command: str) -> str:
    """Returns `command` as it is to be typed here."""
    if not cwd or Path(cwd) == Path.cwd():
        return command
    return f"cd {shlex.quote(cwd)} && {command}"
