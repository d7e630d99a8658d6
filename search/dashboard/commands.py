"""What to type to go on from a study: the winner's configuration as options, and whole commands."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any

from search.contradictions import OPTIONS
from search.dashboard.reading import Snapshot
from search.space.stages import STAGES
from search.study.stage_results import StageResult
from search.study_options import study_options
from trainables.trial import TrialConfig


def options_of(config: TrialConfig, leave_out: Collection[str] = ()) -> str:
    """Returns `config` as options of search.run, without the hyperparameters `leave_out`."""
    values = config.to_dict()
    words = [
        f"--{option} {shlex.quote(_typed(values[name]))}"
        for name, option in OPTIONS.items()
        if name in values and name not in leave_out
    ]
    return " ".join(words)


def command_around(snapshot: Snapshot, result: StageResult) -> str:
    """Returns the command that tries the values of one stage again around the winner of `result`.

    The stage is that of `result`, after a joint search the learning rate's; what stands for data that is
    not known, `study_options` says. Raises ValueError where there is no winner.
    """
    if result.winner is None:
        raise ValueError(f"{result.stage} has no winner to go on from")
    stage = STAGES.get(result.stage, STAGES["lr"])
    data = snapshot.live.asked.get("data") if snapshot.live else None
    place = study_options(snapshot.name, snapshot.storage, snapshot.record.facts, data)
    parts = [
        f"python -m search.run --stage {stage.name}",
        shlex.join(place),
        options_of(result.winner, leave_out=(stage.hyperparameter,)),
        "--repeats 3",
    ]
    return " ".join(parts)


def _typed(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
