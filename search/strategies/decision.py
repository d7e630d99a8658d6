"""The decision of a search: who won among the candidates, how sure that is, and what is said of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from data_prep.splits import describe_split
from search.statistics.paired_tests import LEVEL
from search.statistics.selection import Selection, select
from search.statistics.verdict_text import not_for_new
from search.strategies.trial_runs import TrialRuns
from search.study.comparison import Candidate, breakdown_of, entries_of, luck_of_winner, not_claimed_for
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import ComparisonProtocol, Decision
from trainables.hyperparameters import MOMENTUM
from trainables.trial import Trial, TrialConfig

SMALL_BATCH = 4  # examples, whose mean lies half a standard deviation beside that of all
MOST_OF_START = 0.05  # of BatchNorm's running averages at the end of a trial
ResultKind = TypeVar("ResultKind", bound=Decision)


class DecidedPlan(Protocol):
    """The parts of a plan that a decision needs: what its result repeats, and how candidates are called."""

    @property
    def problem(self) -> Problem:
        """The data, splits and weights of the trials."""

    @property
    def base(self) -> TrialConfig:
        """The configuration that was varied."""

    @property
    def margin(self) -> float:
        """The difference of practical interest."""

    @property
    def taken_over(self) -> Mapping[str, str]:
        """The origin of each hyperparameter's value."""

    def statement(self, selection: Selection, candidates: Sequence[Candidate]) -> str:
        """Returns the selection in words."""


def decide(
    plan: DecidedPlan,
    candidates: Sequence[Candidate],
    runs: TrialRuns,
    *,
    kind: Callable[..., ResultKind],
    selection: Selection | None = None,
    before: Decision | None = None,
) -> ResultKind:
    """Returns the result of the given `kind` that `candidates` have with what came of their `runs`.

    `selection` is that of a race, which has looked before; without one the candidates are compared here.
    `before` is what the same question had as its result earlier, if it was asked.
    """
    objective = plan.problem.objective
    if selection is None:
        scores = [candidate.scores(runs.results, objective) for candidate in candidates]
        selection = select(scores, level=LEVEL, margin=plan.margin)
    winner = None if selection.winner is None else candidates[selection.winner]
    entries = entries_of(candidates, selection, runs.results, runs.reused, objective=objective)
    # the luck of a choice is counted in accuracies
    lucky = winner and objective.metric.endswith("val_accuracy")
    luck = luck_of_winner(runs.results, plan.problem, runs.ledger) if lucky else None
    won = None if selection.winner is None else entries[selection.winner].mean
    several = not_claimed_for(selection.verdict, plan.problem)
    return kind(
        entries=entries,
        corrected=None if luck is None or won is None else won - luck,
        winner=winner.config if winner else None,
        verdict=selection.verdict,
        statement=plan.statement(selection, candidates) + not_for_new(several),
        not_for_new=several,
        breakdown=_breakdown(winner, plan.problem, runs.ledger, before) if winner else None,
        **circumstances(plan, [run for candidate in candidates for run in candidate.runs], runs.started),
    )


def _breakdown(
    winner: Candidate, problem: Problem, ledger: Ledger, before: Decision | None
) -> Mapping[str, Any]:
    """Returns the breakdown of the winner's errors: the one from `before` where it is of the same runs.

    To make it takes longer than all else that a finished stage is asked for again.
    """
    if before and before.winner == winner.config and before.breakdown:
        theirs = [list(entry.trials) for entry in before.entries if entry.config == winner.config]
        same_runs = theirs == [[run.key for run in winner.runs]]
        if same_runs and problem.is_ordered == ("one_off" in before.breakdown):
            return before.breakdown
    return breakdown_of(winner.runs, problem, ledger)


def circumstances(plan: DecidedPlan, compared: Sequence[Trial], started: float) -> dict[str, Any]:
    """Returns the fields of a decision that do not depend on who won among the trials `compared`.

    `started` is when (perf_counter) the search began.
    """
    problem = plan.problem
    return {
        "objective": problem.objective,
        "protocol": ComparisonProtocol(
            split=problem.protocol,
            splits=tuple(split.name for split in problem.splits),
            seeds=tuple(sorted({trial.config.seed for trial in compared})),
            level=LEVEL,
            margin=plan.margin,
        ),
        "base": plan.base,
        "taken_over": plan.taken_over,
        "notes": tuple(notes_on(problem, [trial.config for trial in compared])),
        "seconds": time.perf_counter() - started,
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }


def _note_on_few_steps(problem: Problem, configs: Sequence[TrialConfig]) -> Iterator[str]:
    rows = min(split.train.size for split in problem.splits)  # of the fewest steps the most is left
    averaged = [
        config for config in configs if config.bn_statistics == MOMENTUM and config.normalisation == "batch"
    ]
    left = [each.bn_momentum ** (math.ceil(rows / each.batch_size) * each.epochs) for each in averaged]
    if max(left, default=0) > MOST_OF_START:
        yield (
            f"After all steps of a trial BatchNorm's running averages still hold {100 * max(left):.0f} % of "
            "their start values, so the network that is judged is another than that which is trained; "
            "--bn-statistics exact is right after any number of steps."
        )


def _notes_on_splits(problem: Problem) -> Iterator[str]:
    """Yields the facts of each split; folds of which the same is true share a line."""
    names_of: dict[str, list[str]] = {}
    for split in problem.splits:
        name, _, facts = describe_split(split).removeprefix("split ").partition(": ")
        names_of.setdefault(facts, []).append(name)
    for facts, names in names_of.items():
        yield f"split {names[0]}: {facts}" if len(names) == 1 else f"splits {', '.join(names)}: {facts}"


def notes_on(problem: Problem, configs: Sequence[TrialConfig]) -> Iterator[str]:
    """Yields what a reader of figures of `configs` must know."""
    if problem.manifest.is_drawn:
        yield "The data is drawn by a program: these numbers say nothing about photographs."
    if problem.weights == "none":
        yield "The backbones have random weights, not ImageNet's."
    yield from _notes_on_splits(problem)
    yield from _note_on_few_steps(problem, configs)
    if any(config.normalises_single_examples for config in configs):
        yield (
            "Batch size 1 trains nothing: with one example, BatchNorm always gives the same output, "
            "so no hidden weight gets a gradient."
        )
    if any(1 < config.batch_size <= SMALL_BATCH for config in configs):
        yield (
            f"Batch sizes from 2 to {SMALL_BATCH}: in training BatchNorm normalises with the means of so few "
            "examples, at inference with those of many, so the network that is judged is another than that "
            "which is trained; the training accuracy at inference tells by how much."
        )
