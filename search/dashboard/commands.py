"""Commands to go on from a study: a stage tried again around a winner, one trial trained again."""

from __future__ import annotations

import shlex

from search.options.command_line import command_of, holding, options_of, options_of_study
from search.options.search_options import SearchOptions
from search.space.stages import EVERY_STAGE
from search.space.values import show_value
from search.study.snapshot import Snapshot
from search.study.stage_results import Result
from trainables.trial import Trial, TrialConfig


def command_around(snapshot: Snapshot, result: Result) -> str:
    """Returns the command that tries the values of one stage again around the winner of `result`.

    The stage is that of `result`, after a joint search the learning rate's. Raises ValueError where there
    is no winner.
    """
    if result.winner is None:
        raise ValueError(f"{result.stage} has no winner to go on from")
    stage = EVERY_STAGE.get(result.stage, EVERY_STAGE["lr"])
    last = snapshot.command
    options = options_of_study(snapshot.name, snapshot.storage, snapshot.facts, options_of(last))
    tried = holding(options.for_stage(stage.name), result.winner, but=stage.hyperparameter)
    here = tried.changed(study=snapshot.name, storage=snapshot.storage, repeats=3)
    return command_of(here, last.cwd if last else "")


def command_of_trial(snapshot: Snapshot, trial: Trial, stage: str = "lr") -> str:
    """Returns the command that trains the configuration of `trial` alone, in a study of its own.

    `stage` is the one that compared it; a name that is none counts as the learning rate's.
    """
    tried = EVERY_STAGE.get(stage, EVERY_STAGE["lr"])
    last, config = snapshot.command, trial.config
    options = options_of_study(snapshot.name, snapshot.storage, snapshot.facts, options_of(last))
    held = holding(options.for_stage(tried.name), config, but=tried.hyperparameter)
    alone = held.changed(
        study=f"{snapshot.name}-{trial.key[:8]}",
        storage=snapshot.storage,
        values=(show_value(getattr(config, tried.hyperparameter)),),
        repeats=1,
    )
    return command_of(alone, last.cwd if last else "")


def winner_options(config: TrialConfig) -> str:
    """Returns the words behind `search.run` that hold the values of `config`."""
    return shlex.join(holding(SearchOptions(), config).words())
