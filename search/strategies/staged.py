"""Runs a stage: which trials it needs, which of them are missing, what they found, and who wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from data_prep.splits import describe_split
from search.space.labels import show_value
from search.space.stages import Stage
from search.statistics.selection import Selection, race, select
from search.statistics.verdict_text import statement
from search.study.comparison import Candidate, breakdown_of, each_once, entries_of, runs_of
from search.study.ledger import Ledger, finished_trials
from search.study.setup import Problem
from search.study.stage_results import OBJECTIVE, Protocol, StageResult
from trainables.trial import Trial, TrialConfig, TrialResult

LEVEL = 0.05

Train = Callable[[Sequence[Trial]], Mapping[str, TrialResult]]


@dataclass(frozen=True, eq=False)
class StagePlan:
    """What a stage will train: `base` with each of the stage's values, on every split with every seed.

    With `race_to` the `seeds` are only the first: those that cannot be told apart get more, up to as many.
    """

    stage: Stage
    base: TrialConfig
    taken_over: Mapping[str, str]
    problem: Problem
    seeds: tuple[int, ...]
    sweep: int = 1
    race_to: int | None = None

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

    def label(self, trial: Trial) -> str:
        """Returns what a person calls `trial` within this stage, such as "0.001, seed 8"."""
        words = [show_value(getattr(trial.config, self.stage.hyperparameter))]
        if len(self.seeds) > 1 or self.race_to:
            words.append(f"seed {trial.config.seed}")
        if len(self.problem.splits) > 1:
            words.append(trial.split)
        return ", ".join(words)


def run_stage(plan: StagePlan, ledger: Ledger, train: Train) -> StageResult:
    """Trains what is missing and returns what the stage found."""
    started = time.perf_counter()
    runs = TrialRuns(ledger, train)
    if plan.race_to:
        candidates, selection = _race(plan, plan.race_to, runs)
    else:
        candidates = plan.candidates()
        results = runs.of(each_once(candidates))
        selection = select([candidate.scores(results) for candidate in candidates], level=LEVEL)
    winner = None if selection.winner is None else candidates[selection.winner]
    return StageResult(
        stage=plan.stage.name,
        hyperparameter=plan.stage.hyperparameter,
        sweep=plan.sweep,
        objective=OBJECTIVE,
        protocol=Protocol(
            split=plan.problem.protocol,
            splits=tuple(split.name for split in plan.problem.splits),
            seeds=tuple(sorted({run.config.seed for candidate in candidates for run in candidate.runs})),
            level=LEVEL,
        ),
        base=plan.base,
        taken_over=plan.taken_over,
        entries=entries_of(candidates, selection, runs.results, runs.reused),
        winner=winner.config if winner else None,
        verdict=selection.verdict,
        statement=statement(selection, [show_value(candidate.value) for candidate in candidates]),
        notes=tuple(notes_on(plan.problem, [candidate.config for candidate in candidates])),
        breakdown=breakdown_of(winner.runs, plan.problem, ledger) if winner else None,
        seconds=time.perf_counter() - started,
        finished_at=datetime.now(UTC).isoformat(timespec="microseconds"),
    )


class TrialRuns:
    """Runs as they are asked for: from the ledger, else trained."""

    def __init__(self, ledger: Ledger, train: Train) -> None:
        self._ledger, self._train = ledger, train
        self.results: dict[str, TrialResult] = {}
        self.reused: dict[str, TrialResult] = {}

    def of(self, trials: Sequence[Trial]) -> Mapping[str, TrialResult]:
        """Returns by key the results of all that were asked for so far and ended, `trials` among them."""
        asked = [run for run in trials if run.key not in self.results]
        found = finished_trials(asked, self._ledger)
        self.reused |= found
        self.results |= found
        self.results |= self._train([run for run in asked if run.key not in found])
        return self.results


def _race(plan: StagePlan, maximum: int, runs: TrialRuns) -> tuple[tuple[Candidate, ...], Selection]:
    repeats = [len(plan.seeds)] * len(plan.candidates())
    while True:
        candidates = plan.candidates(repeats)
        results = runs.of(each_once(candidates))
        state = race([candidate.scores(results) for candidate in candidates], maximum=maximum, level=LEVEL)
        if not state.need:
            return candidates, state.selection
        for number in state.need:
            repeats[number] += 1


def notes_on(problem: Problem, configs: Sequence[TrialConfig]) -> Iterator[str]:
    """Yields what a reader of figures of `configs` must know."""
    if problem.manifest.is_drawn:
        yield "The data is drawn by a program: these numbers say nothing about photographs."
    if problem.weights == "none":
        yield "The backbones have random weights, not ImageNet's."
    for split in problem.splits:
        share = float(problem.labels[split.validation].mean())
        constant = max(share, 1 - share)
        yield f"{describe_split(split)}; always the more frequent label is right in {constant:.4f}"
    if any(config.batch_size == 1 for config in configs):
        yield (
            "Batch size 1 trains nothing: BatchNorm with one example puts out its offset, "
            "so no hidden weight gets a gradient."
        )
