"""The search of hyperparameters as one object: what the commands run, and the door for Python."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from data_prep.command_line.console import print_warning, text_console
from data_prep.command_line.parser import did_you_mean
from data_prep.errors import InputError
from data_prep.storage.remote import address_of, pull, shown
from search.callbacks.callback import Callback
from search.callbacks.live_state_writer import LiveStateWriter
from search.callbacks.uploader import Uploader
from search.finetune.plan import FinetunePlan, finetune_plan, pretraining_of
from search.options.command_line import command_of
from search.options.conflicts import require_consistent
from search.options.search_options import STAGED, SearchOptions
from search.output.dry_run import warn_of_single_examples
from search.ray_tune.head_start import HeadStart
from search.report.study import Study
from search.space.stages import ALL, FINETUNE, STAGES, Stage
from search.strategies.held_out import require_held_out
from search.strategies.plans import (
    Plan,
    expected_trials,
    joint_plan,
    missing_trials,
    rows_to_make,
    stage_plan,
    stage_plans,
)
from search.strategies.sweeps import run_sequence
from search.study.data import default_name, manifest_of
from search.study.finetune_result import FinalModel, FinetuneResult
from search.study.folder import check_study, held, keep_command, open_study, require_same_backbone
from search.study.layout import WORKERS_SEND, Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import (
    JOINT,
    JointResult,
    PopulationResult,
    Result,
    StageFiles,
    StageResult,
)
from search.trackers.from_options import callbacks_of, require_wandb
from trainables.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

    from search.ray_tune.driver import Driver
    from search.runner import Runner

Plans = tuple[Sequence[Plan], FinetunePlan | None]


@dataclass
class Outcome:
    """What a run found: results in their order, the reading of held-out data, and fine-tuning."""

    results: list[Result] = field(default_factory=list)
    reading: Mapping[str, Any] | None = None
    finetune: FinetuneResult | None = None


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

    def __repr__(self) -> str:
        return f"<Tuner {shlex.join(self.options.words())}>"

    def stage(self, name: str, **wishes: Any) -> StageResult:
        """Tunes one hyperparameter, such as "lr", and returns what was found; earlier winners are taken over.

        Raises InputError for what cannot be run, and where nothing could be trained.
        """
        if name not in STAGES:
            others = {stage.hyperparameter: stage.name for stage in STAGES.values()}
            raise InputError(
                f"a stage is one of {', '.join(STAGES)}, received {name!r}"
                f"{did_you_mean(name, STAGES, others) or '; all() runs all of them'}"
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
        """Returns a row a trial of a stage: whether it is `done`, its configuration; nothing is trained."""
        import pandas as pd

        plans, finetune = self._asking(stage=stage, **wishes).plans()
        everything = [*plans, *([finetune] if finetune else [])]
        missing = {trial.key for plan in everything for trial in missing_trials(plan, Ledger(self.folder))}
        return pd.DataFrame(
            {"key": trial.key, "done": trial.key not in missing, **asdict(trial.config), "split": trial.split}
            for plan in everything
            for trial in plan.trials()
        )

    @property
    def study(self) -> Study:
        """The study that this tunes; raises InputError before anything was run."""
        return Study(self.folder)

    def _asking(self, **wishes: Any) -> Tuner:
        options = self.options.changed(**{"stage": None, "mode": STAGED, **wishes})
        return Tuner(options, callbacks=self._callbacks, progress=self._progress)

    @cached_property
    def problem(self) -> Problem:
        """What all trials have in common: the manifest, its splits, the weights, the backend."""
        data = self.options.data
        return Problem.of(
            manifest_of(data.manifest, data.root),
            data.split,
            data.weights,
            self.options.machine.keras_backend,
            data.feature_precision,
        )

    @cached_property
    def pretraining(self) -> Problem | None:
        """What the trials on the images of --celeba have in common, None without such images."""
        return pretraining_of(self.options, self.problem)

    @cached_property
    def folder(self) -> Path:
        """The study's folder; what lies at its address was brought there."""
        study = self.options.study
        folder = study.storage.absolute() / (study.name or default_name(self.options.data.manifest))
        pull(folder, WORKERS_SEND)
        return folder

    def plans(self) -> Plans:
        """Returns what would be trained as far as that is known, and the way to the final model.

        Nothing is written. Raises InputError for what cannot be run.
        """
        self._require_runnable()
        options, problem, folder = self.options, self.problem, self.folder
        plans: Sequence[Plan] = (
            [joint_plan(options, problem, folder)]
            if options.is_joint
            else stage_plans(options, problem, folder)
        )
        return plans, self._finetune_plan() if options.stage == FINETUNE else None

    def run(self) -> Outcome:
        """Trains what is missing and returns what was found.

        Raises InputError for what cannot be run, and where nothing could be trained.
        """
        with contextlib.nullcontext() if self._progress else _only_warnings():
            return self._run()

    def _run(self) -> Outcome:
        plans, finetune = self.plans()
        require_wandb(self.options.callbacks)
        with held(self.folder):
            open_study(self.folder, self.problem.facts())
            keep_command(self.folder, self.options.words())
            missing = expected_trials(plans, Ledger(self.folder))
            warn_of_single_examples(missing, self.problem)
            with self._head_start(missing) as head_start:
                return self._search(finetune, head_start)

    def _require_runnable(self) -> None:
        options, problem, folder = self.options, self.problem, self.folder
        require_consistent(options)
        if options.deciding.final:
            require_held_out(problem)
        if (options.machine.pack or 1) > 1 and problem.keras_backend != "jax":
            raise InputError(
                f"--pack needs Keras on JAX, this study runs on {problem.keras_backend}; leave it out"
            )
        check_study(folder, problem.facts())
        if options.held.backbone:
            require_same_backbone(folder, options.held.backbone, StageFiles(folder).all())
        if options.final_model.celeba:
            _ = self.pretraining  # images that cannot be read are told before hours of training

    def _finetune_plan(self) -> FinetunePlan:
        return finetune_plan(self.options, self.problem, self.pretraining, self.folder)

    def _search(self, finetune: FinetunePlan | None, head_start: HeadStart | None) -> Outcome:
        from search.ray_tune.driver import Driver  # Ray takes seconds to import; a dry run does without
        from search.runner import Runner

        options, folder, ledger = self.options, self.folder, Ledger(self.folder)
        driver = Driver(
            self.problem,
            options.study.cache,
            Layout(folder).checkpoints,
            options.machine,
            ledger.record,
            verbose=options.callbacks.verbose,
            head_start=head_start,
        )
        # Ray prints to standard output when a worker dies
        with contextlib.redirect_stdout(sys.stderr), driver, self._told(driver) as callbacks:
            runner = Runner(folder, ledger, driver, self._console, callbacks)
            self._say(f"study     {shown(folder)}")
            outcome = Outcome()
            for result in self._results(runner):
                outcome.results.append(result)
                for callback in callbacks:
                    callback.search_finished(result)
                _require_winner(result)
            if options.deciding.final:
                outcome.reading = runner.final(outcome.results[-1], self.problem)
            if options.wants_finetuning:
                plan = finetune or self._finetune_plan()
                outcome.finetune = runner.finetune(plan, command_of(options))
        return outcome

    @cached_property
    def _console(self) -> Console:
        console = text_console(stderr=True)
        # a notebook shows the bar in place of all lines
        console.is_jupyter = console.is_jupyter and self._progress
        console.quiet = not self._progress or (console.is_jupyter and not self.options.callbacks.verbose)
        return console

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    def _results(self, runner: Runner) -> Iterator[Result]:
        options, problem, folder = self.options, self.problem, self.folder
        if options.is_joint:
            yield runner.joint(joint_plan(options, problem, folder))
            return

        def run(stage: Stage, before: Sequence[Result], sweep: int) -> StageResult:
            return runner.stage(stage_plan(options, problem, stage, before, sweep))

        staged = options.staged
        yield from run_sequence(options.stage_names, staged.order, staged.sweeps, StageFiles(folder), run)

    def _head_start(self, trials: Sequence[Trial]) -> contextlib.AbstractContextManager[HeadStart | None]:
        """Returns a process that makes what `trials` read, where it may lie on this machine; else None."""
        machine, cache = self.options.machine, self.options.study.cache
        elsewhere = machine.address or machine.gpus_per_trial or address_of(cache)
        names = [] if elsewhere else rows_to_make(trials, self.problem, cache)
        return HeadStart(names, self.problem, cache) if names else contextlib.nullcontext()

    @contextlib.contextmanager
    def _told(self, driver: Driver) -> Iterator[Sequence[Callback]]:
        """Gives the callbacks of this run, and closes them however it ends."""
        folder, options = self.folder, self.options
        with contextlib.ExitStack() as stack:
            callbacks: list[Callback] = []
            if address_of(folder):
                callbacks.append(Uploader(folder, Ledger(folder)))  # the first is closed last
            callbacks.append(LiveStateWriter(folder, options.asked, cluster=driver.cluster))
            callbacks += callbacks_of(options.callbacks, folder, self._say)
            callbacks += self._callbacks
            for callback in callbacks:
                stack.callback(callback.close)
            yield callbacks


def _require_winner(result: Result) -> None:
    if result.winner is None:
        reasons = "; ".join(sorted({entry.reason for entry in result.entries if entry.reason}))
        raise InputError(
            f"no value of the stage {result.stage} could be trained ({reasons or 'no reason given'})"
        )


@contextlib.contextmanager
def _only_warnings() -> Iterator[None]:
    """Silences standard error but for warnings; an error is told after it."""
    with Path(os.devnull).open("w") as nowhere, warnings.catch_warnings():
        warnings.showwarning = partial(print_warning, to=sys.stderr)
        with contextlib.redirect_stderr(nowhere):
            yield
