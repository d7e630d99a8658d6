"""Stages as they run: the trials that each needs, those that are missing, and the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from search.space.labels import run_label, show_value
from search.space.stages import Stage
from search.statistics.paired_tests import MARGIN
from search.statistics.selection import Selection, race
from search.statistics.verdict_text import statement
from search.strategies.decision import decide
from search.strategies.trial_runs import Train, TrialRuns
from search.study.comparison import Candidate, each_once, runs_of
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import Decision, StageResult
from trainables.trial import Trial, TrialConfig


@dataclass(frozen=True, eq=False)
class StagePlan:
    """Plan of a stage: `base` with each of the stage's values, on every split with every seed.

    With `race_to` the `seeds` are only the first: those that cannot be told apart get more, up to as many.
    """

    stage: Stage
    base: TrialConfig
    taken_over: Mapping[str, str]
    problem: Problem
    seeds: tuple[int, ...]
    sweep: int = 1
    race_to: int | None = None
    margin: float = MARGIN

    def candidates(self, repeats: Sequence[int] | None = None) -> tuple[Candidate, ...]:
        """Returns the compared configurations with their runs; `repeats` says how many seeds of each."""
        configs = self.stage.configs(replace(self.base, seed=self.seeds[0]))
        return tuple(
            Candidate(
                value=getattr(config, self.stage.hyperparameter),
                config=config,
                runs=runs_of(config, self.problem, range(config.seed, config.seed + count)),
            )
            for config, count in zip(configs, repeats or [len(self.seeds)] * len(configs), strict=True)
        )

    def trials(self) -> list[Trial]:
        """Returns all trials, each once; runs with the same split and seed stand together."""
        return each_once(self.candidates())

    def statement(self, selection: Selection, candidates: Sequence[Candidate]) -> str:
        """Returns the selection in words; a candidate is called by its value."""
        return statement(selection, [show_value(candidate.value) for candidate in candidates])

    def label(self, trial: Trial) -> str:
        """Returns what a person calls `trial` within this stage, such as "0.001, seed 8"."""
        value = show_value(getattr(trial.config, self.stage.hyperparameter))
        several = len(self.seeds) > 1 or bool(self.race_to)
        return run_label(value, trial, seeds=several, splits=len(self.problem.splits) > 1)


def run_stage(plan: StagePlan, ledger: Ledger, train: Train, before: Decision | None = None) -> StageResult:
    """Trains what is missing and returns what the stage found, `before` earlier too."""
    runs = TrialRuns(ledger, train, plan.problem)
    if plan.race_to:
        candidates, selection = _race(plan, plan.race_to, runs)
    else:
        candidates, selection = plan.candidates(), None
        runs.of(each_once(candidates))
    stage = plan.stage
    kind = partial(StageResult, stage=stage.name, hyperparameter=stage.hyperparameter, sweep=plan.sweep)
    return decide(plan, candidates, runs, kind=kind, selection=selection, before=before)


def _race(plan: StagePlan, maximum: int, runs: TrialRuns) -> tuple[tuple[Candidate, ...], Selection]:
    repeats = [len(plan.seeds)] * len(plan.candidates())
    while True:
        candidates = plan.candidates(repeats)
        results = runs.of(each_once(candidates))  # new seeds alone are trained, the ledger has the others
        scores = [candidate.scores(results, plan.problem.objective) for candidate in candidates]
        state = race(scores, maximum=maximum, margin=plan.margin)
        if not state.need:
            return candidates, state.selection
        for number in state.need:
            repeats[number] += 1
