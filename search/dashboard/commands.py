"""What to type to go on from a study: the winner's configuration as options, and whole commands."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any

from search.dashboard.reading import Snapshot
from search.results import StageResult
from search.stages import STAGES
from trainables.trial import TrialConfig

MANIFEST = "MANIFEST.parquet"


def options_of(config: TrialConfig, leave_out: Collection[str] = ()) -> str:
    """Returns `config` as options of search.run, without the hyperparameters `leave_out`."""
    from search.contradictions import OPTIONS  # it loads scipy, which the page can do without at first

    values = config.to_dict()
    words = [
        f"--{option} {shlex.quote(_typed(values[name]))}"
        for name, option in OPTIONS.items()
        if name in values and name not in leave_out
    ]
    return " ".join(words)


def command_around(snapshot: Snapshot, result: StageResult) -> str:
    """Returns the command that tries the values of one stage again around the winner of `result`.

    The stage is that of `result`, after a joint search the learning rate's. Where the data's manifest is
    not known, MANIFEST.parquet stands in its place. Raises ValueError where there is no winner.
    """
    if result.winner is None:
        raise ValueError(f"{result.stage} has no winner to go on from")
    stage = STAGES.get(result.stage, STAGES["lr"])
    parts = [
        f"python -m search.run --stage {stage.name} --study {shlex.quote(snapshot.name)}",
        *_data(snapshot),
        options_of(result.winner, leave_out=(stage.hyperparameter,)),
        "--repeats 3",
    ]
    return " ".join(parts)


def _data(snapshot: Snapshot) -> list[str]:
    """Returns the options that give the study's own data and split."""
    facts, parts = snapshot.record.facts, []
    if facts.get("source") != "sample":
        known = snapshot.live.asked.get("data") if snapshot.live else None
        parts.append(f"--data {shlex.quote(known or MANIFEST)}")
        if facts.get("weights") == "none":
            parts.append("--weights none")
    if facts.get("split", "random") != "random":
        parts.append(f"--split {shlex.quote(str(facts['split']))}")
    return parts


def _typed(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
