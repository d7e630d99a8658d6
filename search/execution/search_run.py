"""A run of a search: its options become plans, and in a study that it holds they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from rich.console import Console

from search.callbacks.callback import Callback
from search.execution.image_backend import on_faster_backend
from search.execution.joined_run import run_or_join
from search.execution.prerequisites import (
    require_disk_space,
    require_equipment,
    require_mounted,
    require_pictures,
    watched_folders,
)
from search.finetune.plan import FinetunePlan, finetune_plan, pretraining_of
from search.options.search_options import SearchOptions
from search.options.study_file import study_file
from search.output.dry_run import warn_of_costs
from search.ray_tune.ahead.head_start import HeadStart, early_start, head_start
from search.strategies.plans import Plan, expected_trials
from search.strategies.preparation import (
    Prepared,
    folder_of,
    plans_of,
    problem_of,
    source_of,
)
from search.study.folder import begun_or_gone, keep_command, open_study
from search.study.holding.shared_work import SharedWork
from search.study.ledger import Ledger
from search.study.outcome import Outcome
from search.study.setup import Problem


class SearchRun:
    """One run of what `options` ask for; `callbacks` hear of it, progress goes to `console`.

    Nothing is read before a call needs it.
    """

    def __init__(self, options: SearchOptions, callbacks: Sequence[Callback], console: Console) -> None:
        self.options, self._callbacks, self._console = options, callbacks, console
        self._early: HeadStart | None = None

    @cached_property
    def problem(self) -> Problem:
        """What all trials have in common: the manifest, its splits, the weights, the backend."""
        return problem_of(self.options)

    @cached_property
    def pretraining(self) -> Problem | None:
        """What the trials on the images of --celeba have in common, None without such images."""
        return pretraining_of(self.options, self.problem)

    @cached_property
    def ledger(self) -> Ledger:
        """The finished trials in the study's folder; what lies at its address was brought there."""
        return Ledger(folder_of(self.options), moves_damaged=False)

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.ledger.folder

    def study_file(self) -> str:
        """Returns the study file that means these options; the data says which preset holds."""
        return study_file(self._prepared().options, self.problem.protocol)

    def plans(self) -> tuple[Sequence[Plan], FinetunePlan | None]:
        """Returns what would be trained as far as that is known, and the way to the final model.

        Nothing is written or moved: what is damaged counts as not there. Raises InputError for what cannot
        be run.
        """
        plans = plans_of(self._prepared())
        # images that cannot be read are told now, and not after hours of training
        _ = self.pretraining
        return plans, self._finetune_plan() if self.options.is_finetuning else None

    def tell_damaged(self) -> None:
        """Names damaged results of stages in warnings."""
        self._prepared().tell_damaged()

    def run(self) -> Outcome:
        """Trains what is missing and returns what was found.

        Raises InputError for what cannot be run, and where nothing could be trained.
        """
        with watched_folders(self.folder, self.options.study, self._console):
            return self._run_watched()

    def _run_watched(self) -> Outcome:
        require_mounted(self.folder, self.options.study.cache)
        with early_start(self.options) as self._early:
            return self._run_or_join()

    def _run_or_join(self) -> Outcome:
        plans = self.plans()
        chosen = on_faster_backend(self._prepared(), *plans)
        if chosen is not self.problem:
            self._replace_problem(chosen)
            plans = self.plans()
        require_equipment(self.options.callbacks, self.options.machine)

        def share(sharing: SharedWork) -> Outcome:
            self._replace_problem(problem_of(self.options))  # a study that had just begun has facts by now
            return self._run(sharing, *self.plans())

        return run_or_join(self.options, self.folder, self._say, lambda work: self._run(work, *plans), share)

    def _replace_problem(self, problem: Problem) -> None:
        self.problem = problem
        del self.pretraining  # which is of the same backends

    def _run(self, sharing: SharedWork, plans: Sequence[Plan], finetune: FinetunePlan | None) -> Outcome:
        """Runs the search in a study that is held, by this process or by one that it joined."""
        holds, study = sharing.holds, self.options.study
        with begun_or_gone(self.folder):
            if holds:
                self._prepared().put_damaged_aside()
            # only now: trials that the storage had no room for are back in the study
            missing = expected_trials(plans, self.ledger)
            finetunes = holds and finetune is not None
            # before the study's folder has anything of this run
            require_pictures(
                missing, self.problem, self.pretraining, cache=study.cache, with_finetuning=finetunes
            )
            require_disk_space(missing, self.problem, study)
            if holds:
                open_study(self.folder, self.problem.facts())
                keep_command(self.folder, self.options.words())
                warn_of_costs(missing, self.ledger, self.problem)
            with head_start(missing, self.problem, self.options, self._early) as started:
                # Ray takes seconds to import: features are begun before
                from search.execution.session import Session

                session = Session(self._prepared(), self._console, self._finetune_plan, sharing)
                return session.run(self._callbacks, started)

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)

    def _prepared(self) -> Prepared:
        return Prepared(
            options=self.options.for_data(source_of(self.problem.manifest)),
            problem=self.problem,
            ledger=self.ledger,
        )

    def _finetune_plan(self) -> FinetunePlan:
        return finetune_plan(self.options, self.problem, self.pretraining, self.folder)
