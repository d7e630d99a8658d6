"""What to type to go on from a study: the winner's configuration as options, and whole commands."""

from __future__ import annotations

import shlex

from search.options.command_line import options_of, study_options
from search.space.stages import STAGES
from search.study.snapshot import Snapshot
from search.study.stage_results import Result


def command_around(snapshot: Snapshot, result: Result) -> str:
    """Returns the command that tries the values of one stage again around the winner of `result`.

    The stage is that of `result`, after a joint search the learning rate's; what stands for data that is
    not known, `study_options` says. Raises ValueError where there is no winner.
    """
    if result.winner is None:
        raise ValueError(f"{result.stage} has no winner to go on from")
    stage = STAGES.get(result.stage, STAGES["lr"])
    data = snapshot.live.asked.get("data") if snapshot.live else None
    place = study_options(snapshot.name, snapshot.storage, snapshot.facts, data)
    parts = [
        f"python -m search.run --stage {stage.name}",
        shlex.join(place),
        options_of(result.winner, leave_out=(stage.hyperparameter,)),
        "--repeats 3",
    ]
    return " ".join(parts)
