"""One study being run: plans become trials for the driver, and what they find is kept and shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from data_prep.storage.atomic_files import write_json
from search.callbacks.callback import Callback, Callbacks
from search.callbacks.progress_display import progress_on
from search.final_model.card_facts import card_facts
from search.final_model.model_card import write_model_card
from search.final_model.writer import label_names, winning_run, write_final_model
from search.finetune.plan import FinetunePlan
from search.finetune.runs import require_weights, run_finetune
from search.output.tables import print_finetune_setting, print_setting
from search.ray_tune.collector import Member, Policy
from search.ray_tune.driver import Driver
from search.ray_tune.searchers import KnowingSearcher
from search.space.joint_space import POPULATION
from search.strategies.held_out import evaluate_winner
from search.strategies.joint import JointPlan, run_joint
from search.strategies.plans import Plan, missing_trials
from search.strategies.population import run_population
from search.strategies.staged import StagePlan, run_stage
from search.study.finetune_result import FinetuneResult
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.search_id import SearchId, SearchKind
from search.study.setup import Problem
from search.study.stage_results import JointResult, PopulationResult, Result, StageFiles, StageResult
from trainables import worker
from trainables.trial import Trial, TrialConfig, TrialResult


class Runner:
    """Runs the plans of the study in `folder`; progress goes to `console`, which is standard error.

    `callbacks` hear of what is trained; that a stage is finished they hear from the caller, who prints it.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        driver: Driver,
        console: Console,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self._folder, self._ledger, self._driver, self._console = folder, ledger, driver, console
        self._callbacks = callbacks

    def stage(self, plan: StagePlan) -> StageResult:
        """Runs a stage."""
        self._say(plan)
        workers = self._workers(SearchId(SearchKind.STAGE, plan.stage.name), plan.label)
        return run_stage(plan, self._ledger, lambda trials: workers.train(trials, Policy()))

    def joint(self, plan: JointPlan) -> JointResult | PopulationResult:
        """Runs a joint search and keeps what it found."""
        self._say(plan)
        workers = self._workers(SearchId(SearchKind.JOINT, plan.search), plan.label)
        if plan.scheduler == POPULATION:
            result: JointResult | PopulationResult = run_population(plan, workers)
        else:
            result = run_joint(plan, self._ledger, workers, self._folder)
        StageFiles(self._folder).write(result)
        return result

    def final(self, result: Result, problem: Problem) -> dict[str, Any]:
        """Reads the held-out data for the winner of `result`, once."""
        workers = self._workers(SearchId(SearchKind.HELD_OUT), lambda trial: trial.split)
        return evaluate_winner(
            result, problem, self._ledger, lambda trials: workers.train(trials, Policy()), self._folder
        )

    def finetune(self, plan: FinetunePlan, command: str) -> FinetuneResult:
        """Trains the columns of `plan`, keeps what was found, and writes the final model and its card.

        `command` is what repeats this run.
        """
        print_finetune_setting(plan, self._console)

        def trains(
            problem: Problem, search: SearchId, trials: Sequence[Trial], keep: Collection[str]
        ) -> Mapping[str, TrialResult]:
            driver = self._driver if problem is plan.problem else self._driver.of(problem)
            workers = _Workers(driver, search, plan.label, self._console, self._callbacks)
            return workers.train(trials, Policy(), keep)

        result = run_finetune(plan, self._ledger, trains, self._folder)
        write_json(Layout(self._folder).finetune, result.to_dict())
        if result.winner:
            require_weights(plan, winning_run(plan, result), self._ledger, trains, self._folder)
            path = write_final_model(plan, result, self._folder, self._write_model)
            facts = card_facts(plan, result, self._ledger, label_names(plan), command)
            write_model_card(path.parent, facts)
        return result

    def _write_model(self, *arguments: Any) -> None:
        self._console.print("writing the final model")
        self._driver.call(worker.write_model, *arguments)

    def _workers(self, search: SearchId, label: Callable[[Trial], str]) -> _Workers:
        return _Workers(self._driver, search, label, self._console, self._callbacks)

    def _say(self, plan: Plan) -> None:
        print_setting(plan, self._console)
        total, missing = len(plan.trials()), len(missing_trials(plan, self._ledger))
        if missing < total:
            self._console.print(f"{total - missing} of {total} trials are done already")


class _Workers:
    """The driver with a progress display of its own for each call."""

    def __init__(
        self,
        driver: Driver,
        search: SearchId,
        label: Callable[[Trial], str],
        console: Console,
        callbacks: Sequence[Callback],
    ) -> None:
        self._driver, self._search, self._label, self._console = driver, search, label, console
        self._callbacks = callbacks

    def train(
        self, trials: Sequence[Trial], policy: Policy, keep: Collection[str] = ()
    ) -> Mapping[str, TrialResult]:
        with self._callback(len(trials)) as callback:
            return self._driver.train(trials, callback, policy, keep)

    def search(
        self, searcher: KnowingSearcher, base: TrialConfig, expected: int, policy: Policy
    ) -> Mapping[str, TrialResult]:
        with self._callback(expected) as callback:
            return self._driver.search(searcher, base, callback, policy)

    def population(self, configs: Sequence[TrialConfig], split: str, policy: Policy) -> list[Member]:
        with self._callback(len(configs)) as callback:
            return self._driver.population(configs, split, callback, policy)

    @contextmanager
    def _callback(self, total: int) -> Iterator[Callback]:
        with progress_on(self._console, str(self._search), total, self._label) as progress:
            callbacks = Callbacks((progress, *self._callbacks))
            callbacks.search_began(self._search, total)
            if total and not self._driver.is_connected:
                self._console.print("starting Ray")
            yield callbacks
