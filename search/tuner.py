"""The search of hyperparameters as one object: what the commands run, and the door for Python."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from data_prep.command_line.console import only_warnings
from data_prep.command_line.notebook import progress_console
from data_prep.command_line.parser import did_you_mean
from data_prep.errors import InputError
from search.callbacks.callback import Callback
from search.execution.search_run import SearchRun
from search.finetune.plan import FinetunePlan
from search.options.search_options import STAGED, SearchOptions
from search.report.study import Study
from search.space.stages import ALL, EVERY_STAGE, FINETUNE
from search.strategies.plans import Plan, missing_trials
from search.study.finetune_result import FinalModel
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.outcome import Outcome
from search.study.stage_results import JOINT, JointResult, PopulationResult, Result, StageResult

if TYPE_CHECKING:
    import pandas as pd


class Tuner:
    """A search in one study; `wishes` are options by the names that a user types, with underscores.

    Each call below takes more of them, for itself. What was trained once, here or by the command, is read
    from the study and not trained again. `progress` shows a bar in a notebook, lines elsewhere.

    Nothing is read before a call needs it. Raises InputError for an option that does not exist or cannot
    have its value.
    """

    def __init__(
        self,
        options: SearchOptions | None = None,
        *,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
        **wishes: Any,
    ) -> None:
        self.options = (options or SearchOptions()).changed(**wishes)
        self._callbacks = tuple(callbacks)
        self._progress = progress and not self.options.callbacks.quiet
        self._run = SearchRun(
            self.options, self._callbacks, progress_console(verbose=self.options.callbacks.verbose)
        )

    def __repr__(self) -> str:
        return f"<Tuner {shlex.join(self.options.words())}>"

    def stage(self, name: str, **wishes: Any) -> StageResult:
        """Tunes one hyperparameter, such as "lr", and returns what was found; earlier winners are taken over.

        Raises InputError for what cannot be run, and where nothing could be trained.
        """
        if name not in EVERY_STAGE:
            others = {stage.hyperparameter: stage.name for stage in EVERY_STAGE.values()}
            raise InputError(
                f"a stage is one of {', '.join(EVERY_STAGE)}, received {name!r}"
                f"{did_you_mean(name, EVERY_STAGE, others) or '; all() runs all of them'}"
            )
        (result,) = self._asking(stage=name, **wishes).run().results
        return cast(StageResult, result)

    def all(self, **wishes: Any) -> list[Result]:
        """Tunes all hyperparameters one after the other, and returns what each stage found."""
        return self._asking(stage=ALL, **wishes).run().results

    def joint(self, **wishes: Any) -> JointResult | PopulationResult:
        """Searches all hyperparameters at once, and returns what was found."""
        (result,) = self._asking(mode=JOINT, **wishes).run().results
        return cast(JointResult | PopulationResult, result)

    def finetune(self, **wishes: Any) -> FinalModel:
        """Leads from the winner to the final model, and returns its file and what the ways there gave."""
        found = self._asking(stage=FINETUNE, **wishes).run().finetune
        if found is None or found.winner is None:
            reasons = "; ".join(column.reason for column in found.columns) if found else ""
            raise InputError(f"no way to the final model could be trained ({reasons or 'no reason given'})")
        return FinalModel(path=Layout(self.folder).model, result=found)

    def plan(self, stage: str = ALL, **wishes: Any) -> pd.DataFrame:
        """Returns one row per trial of a stage: whether it is `done`, and its values; nothing is trained."""
        import pandas as pd

        plans, finetune = self._asking(stage=stage, **wishes).plans()
        everything = [*plans, *([finetune] if finetune else [])]
        missing = {trial.key for plan in everything for trial in missing_trials(plan, self._run.ledger)}
        return pd.DataFrame(
            {"key": trial.key, "done": trial.key not in missing, **asdict(trial.config), "split": trial.split}
            for plan in everything
            for trial in plan.trials()
        )

    def study_file(self) -> str:
        """Returns the study file that means these options; the command does the same with it."""
        return self._run.study_file()

    @property
    def study(self) -> Study:
        """The study that this tunes; raises InputError before anything was run."""
        return Study(self.folder)

    def _asking(self, **wishes: Any) -> Tuner:
        # what a call asked for holds for no later one
        options = self.options.changed(**{"stage": None, "mode": STAGED, **wishes})
        return Tuner(options, callbacks=self._callbacks, progress=self._progress)

    @property
    def ledger(self) -> Ledger:
        """The finished trials of the study."""
        return self._run.ledger

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self._run.folder

    def plans(self) -> tuple[Sequence[Plan], FinetunePlan | None]:
        """Returns what would be trained as far as that is known, and the way to the final model.

        Nothing is written or moved; damaged results of stages are named in warnings. Raises InputError for
        what cannot be run.
        """
        found = self._run.plans()
        self._run.tell_damaged()
        return found

    def run(self) -> Outcome:
        """Does what the options ask for, and returns what was found.

        Raises InputError for what cannot be run, and where nothing could be trained.
        """
        with contextlib.nullcontext() if self._progress else only_warnings():
            return self._run.run()
