"""The joint search: all hyperparameters at once, over the product of the stages' values or over ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from data_prep.errors import InputError
from search.ray_tune.collector import assignment_of
from search.ray_tune.policy import Policy, deadline_after
from search.ray_tune.schedulers import make_scheduler
from search.ray_tune.searchers import KnowingSearcher
from search.statistics.importance import Importance, importance_among
from search.strategies.ablation import ablate, ablation_note
from search.strategies.decision import decide
from search.strategies.joint_plan import JointPlan
from search.strategies.suggestions import Suggestions
from search.strategies.trial_runs import TrialRuns
from search.study.comparison import Candidate, each_once, runs_of, scored
from search.study.layout import Layout
from search.study.ledger import Ledger, finished_trials
from search.study.stage_results import (
    JOINT,
    Ablation,
    Entry,
    JointResult,
    StageFiles,
)
from trainables.objective import Objective
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

PAUSING = ("hyperband", "median")  # schedulers that pause trials, which continue from checkpoints
LISTED_CONFIGS = 10  # the best configurations in the table
REPEATED_CONFIGS = 5  # of them are repeated with fresh seeds


class Workers(Protocol):
    """Workers that train: `search.ray_tune.driver.Driver` with its callbacks."""

    def train(self, trials: Sequence[Trial], policy: Policy) -> Mapping[str, TrialResult]:
        """Returns by key the results of those of `trials` that ended."""

    def search(
        self, searcher: KnowingSearcher, base: TrialConfig, expected: int, policy: Policy
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of the suggestions that ended, `expected` of them where time allows.

        What the searcher does not vary is as in `base`.
        """


def run_joint(plan: JointPlan, ledger: Ledger, workers: Workers) -> JointResult:
    """Runs the search, repeats the best, and returns what was found, within the time budget."""
    deadline, objective = deadline_after(plan.time_budget_s), plan.problem.objective
    policy = Policy(
        scheduler=make_scheduler(plan.scheduler, objective, plan.base.epochs),
        deadline=deadline,
        pausing=plan.scheduler in PAUSING,
    )
    # repeats run to their end: no scheduler stops one of them
    runs = TrialRuns(ledger, lambda trials: workers.train(trials, Policy(deadline=deadline)), plan.problem)
    if plan.search == "tpe":
        _suggest(plan, runs, workers, policy)
    else:
        _train_listed(plan, runs, workers, policy)
    best = _best_first(plan, runs.results)
    candidates = [_candidate(plan, config, 1) for config in best[:LISTED_CONFIGS]]
    if not candidates:
        raise InputError(_nothing_finished(runs.results))
    decides_fresh = False
    if plan.repeats > 1:
        # the first seed chose these as the best of many, so its figures flatter them
        fresh = [replace(config, seed=plan.base.seed + 1) for config in best[:REPEATED_CONFIGS]]
        repeated = [_candidate(plan, config, plan.repeats) for config in fresh]
        results = runs.of(each_once(repeated))
        # where the time ran out among the repeats, one run each is better than no winner
        decides_fresh = any(_is_whole(candidate, results, objective) for candidate in repeated)
    kind = partial(
        JointResult,
        settings=plan.settings(),
        trials=tuple(runs.results),
        counts=_counts(runs.results),
        importance=_importance(runs, objective),
    )
    result = decide(plan, repeated if decides_fresh else candidates, runs, kind=kind)
    notes = [*plan.starts.notes, *result.notes, *_notes(plan, runs.results, decides_fresh)]
    ablation: tuple[Ablation, ...] = ()
    if plan.ablate and decides_fresh and result.winner:
        (winner,) = (each for each in repeated if each.config == result.winner)
        ablation = ablate(plan, winner, runs)
        notes += [ablation_note(ablation)] if ablation else []
    return replace(
        result,
        entries=tuple(sorted(result.entries, key=partial(_best_mean_first, objective))),
        notes=tuple(notes),
        ablation=ablation,
    )


def _importance(runs: TrialRuns, objective: Objective) -> Importance | None:
    """Returns the importance over all that ended; it takes seconds, and may stand in the study already."""
    trials, kept = runs.results, StageFiles(runs.ledger.folder).find(JOINT)
    if isinstance(kept, JointResult) and kept.importance:
        # the counts: one that was stopped before may have gone on
        same = tuple(trials), objective, _counts(trials)
        if (kept.trials, kept.objective, kept.counts) == same:
            return kept.importance
    return importance_among(list(trials.values()), objective)


def _best_mean_first(objective: Objective, entry: Entry) -> float:
    # NaN compares false with all numbers: in a sort key it would leave the others unsorted
    return math.inf if math.isnan(entry.mean) else -objective.gain(entry.mean)


def _train_listed(plan: JointPlan, runs: TrialRuns, workers: Workers, policy: Policy) -> None:
    trials = plan.trials()
    found = _ended(trials, runs.ledger, plan)
    trained = workers.train([trial for trial in trials if trial.key not in found], policy)
    ended = {**found, **trained}
    # in the order of the plan: the file of a search that was struck is that of one that was not
    runs.add({trial.key: ended[trial.key] for trial in trials if trial.key in ended}, reused=found)


def _suggest(plan: JointPlan, runs: TrialRuns, workers: Workers, policy: Policy) -> None:
    objective = plan.problem.objective
    suggestions = Suggestions(
        plan.samples or 0,
        plan.settings(),
        lambda trial: _ended([trial], runs.ledger, plan).get(trial.key),
        runs.ledger,
        Layout(runs.ledger.folder).suggestions(plan.search, plan.scheduler),
        objective,
    )

    def ask(values: Mapping[str, Any]) -> dict[str, Any] | float | None:
        trial = plan.problem.trial(plan.base.with_used(**values), plan.problem.splits[0].name)
        answer = suggestions.ask(trial)
        return assignment_of(answer) if isinstance(answer, Trial) else answer

    known = [
        (result.trial.config, value)
        for result in suggestions.known_before
        if not math.isnan(value := objective.of(_scored(plan, runs, result)))
    ]
    told = {config for config, _ in known}
    # what is told need not be asked for
    starts = [config for config in plan.starts.configs if config not in told]
    searcher = KnowingSearcher(
        plan.space, objective, plan.base.seed, ask, suggestions.full, known=known, starts=starts
    )
    if not suggestions.full():
        workers.search(searcher, plan.base, suggestions.missing(), policy)
    found = {key: _scored(plan, runs, result) for key, result in suggestions.results().items()}
    runs.add(found, reused=suggestions.reused)


def _scored(plan: JointPlan, runs: TrialRuns, result: TrialResult) -> TrialResult:
    return scored(result, plan.problem, runs.ledger)


def _ended(trials: Sequence[Trial], ledger: Ledger, plan: JointPlan) -> dict[str, TrialResult]:
    """Returns what is in the ledger; a stopped trial counts as ended where this search stops trials too."""
    if plan.scheduler == "none":
        found = finished_trials(trials, ledger)
    else:
        found = {trial.key: result for trial in trials if (result := ledger.find(trial))}
    return {key: scored(result, plan.problem, ledger) for key, result in found.items()}


def _best_first(plan: JointPlan, results: Mapping[str, TrialResult]) -> list[TrialConfig]:
    """Returns the configurations all of whose runs completed, the best mean first."""
    scores: dict[TrialConfig, list[float]] = {}
    for result in results.values():
        if result.status is TrialStatus.COMPLETED:
            scores.setdefault(result.trial.config, []).append(plan.problem.objective.of(result))
    whole = [config for config, runs in scores.items() if len(runs) == len(plan.problem.splits)]
    # all have as many runs: sums order them as means do
    return sorted(whole, key=lambda config: -plan.problem.objective.gain(sum(scores[config])))


def _candidate(plan: JointPlan, config: TrialConfig, repeats: int) -> Candidate:
    seeds = range(config.seed, config.seed + repeats)
    return Candidate(value=None, config=config, runs=runs_of(config, plan.problem, seeds))


def _notes(plan: JointPlan, results: Mapping[str, TrialResult], decides_fresh: bool) -> list[str]:
    counts = _counts(results)
    notes = [
        f"{len(results)} trials: {counts['completed']} completed, {counts['stopped']} stopped early, "
        f"{counts['failed']} failed"
    ]
    if decides_fresh:
        notes.append(
            f"the best {REPEATED_CONFIGS} were run again with {plan.repeats} fresh seeds, which alone decide"
        )
    elif plan.repeats > 1:
        notes.append(f"none of the best ran to its end with {plan.repeats} fresh seeds: one run each decides")
    return notes


def _is_whole(candidate: Candidate, results: Mapping[str, TrialResult], objective: Objective) -> bool:
    return all(map(math.isfinite, candidate.scores(results, objective).values()))


def _counts(results: Mapping[str, TrialResult]) -> dict[str, int]:
    return {
        status.value.lower(): sum(result.status is status for result in results.values())
        for status in TrialStatus
    }


def _nothing_finished(results: Mapping[str, TrialResult]) -> str:
    reasons = sorted({result.reason for result in results.values() if result.reason})
    return (
        f"no configuration of the joint search ran to its end ({'; '.join(reasons) or 'the time was up'}); "
        "run the same command again to continue; a larger --time-budget gives it more time"
    )
