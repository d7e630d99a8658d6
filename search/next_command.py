"""The next command to run for a study: the one that continues it, or the one that comes after."""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.remote import shown
from search.arguments import parse_arguments
from search.contradictions import OPTIONS
from search.finetune.options import FINETUNE, FINETUNE_OPTIONS, is_wanted
from search.planning import stage_names
from search.results import JOINT, StageResult
from search.stages import STAGES
from search.study import Command


def next_command(
    folder: Path,
    facts: Mapping[str, Any],
    results: Sequence[StageResult],
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
    left = [name for name in STAGES if name not in {result.stage for result in results}]
    if not left and not finetuned_at:
        left = [FINETUNE]
    if finetuned_at or (asked and asked.mode == JOINT):
        return _in("", shlex.join(["python", "-m", "search.report", str(folder)]))
    if last and asked:
        return _in(last.cwd, shlex.join(["python", "-m", "search.run", *_for_stage(last.argv, left[0])]))
    return _in("", " ".join(["python -m search.run", *_from_facts(folder, facts, left[0])]))


def _parsed(last: Command | None) -> argparse.Namespace | None:
    if last is None:
        return None
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return parse_arguments(last.argv)
    except SystemExit:  # of another version
        return None


def _unfinished(
    asked: argparse.Namespace, results: Sequence[StageResult], finetuned_at: str, since: str
) -> bool:
    """Returns whether a stage that was asked for has not finished `since` then."""
    if is_wanted(asked) and finetuned_at < since:
        return True
    finished = {result.stage for result in results if result.finished_at >= since}
    names = [JOINT] if asked.mode == JOINT else stage_names(asked)
    return not finished.issuperset(names)


def _for_stage(argv: Sequence[str], stage: str) -> list[str]:
    """Returns `argv` with another stage, and without what does not go with it."""
    other = {"--stage", *FINETUNE_OPTIONS}
    if stage in STAGES:
        other.add(f"--{OPTIONS[STAGES[stage].hyperparameter]}")
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, _ = word.partition("=")
        if name in other:
            if not equals:
                next(words, None)
        elif name != "--final":
            kept.append(word)
    return ["--stage", stage, *kept]


def _from_facts(folder: Path, facts: Mapping[str, Any], stage: str) -> list[str]:
    data = [] if facts.get("source") == "sample" else ["--data", "MANIFEST"]
    options = {"--split": "split", "--weights": "weights", "--keras-backend": "keras_backend"}
    known = [word for option, name in options.items() if name in facts for word in (option, str(facts[name]))]
    place = ["--study", shlex.quote(folder.name), "--storage", shlex.quote(shown(folder.parent))]
    return ["--stage", stage, *data, *known, *place]


def _in(cwd: str, command: str) -> str:
    """Returns `command` as it is to be typed here."""
    if not cwd or Path(cwd) == Path.cwd():
        return command
    return f"cd {shlex.quote(cwd)} && {command}"
