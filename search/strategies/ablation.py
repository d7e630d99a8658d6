"""Ablation of a joint search's winner: each of its values back to the default, one at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from search.space.joint_space import Space
from search.space.labels import label_of, show_value
from search.statistics.paired_tests import LEVEL, Comparison, Rule, compare, paired
from search.strategies.decision import DecidedPlan
from search.strategies.trial_runs import TrialRuns
from search.study.comparison import Candidate, each_once, runs_of
from search.study.setup import Problem
from search.study.stage_results import Ablation
from trainables.trial import TrialConfig


class VaryingPlan(DecidedPlan, Protocol):
    """The parts of a plan that an ablation needs: those of a decision, and what was varied."""

    @property
    def space(self) -> Space:
        """The values of what was varied."""


def ablate(plan: VaryingPlan, winner: Candidate, runs: TrialRuns) -> tuple[Ablation, ...]:
    """Returns by how much the winner is better than itself with each varied value as in the plan's base.

    All run with the winner's seeds and splits, and are compared in pairs. Values that are as there
    have nothing to go back to; what did not run to its end is left out.
    """
    base = plan.base
    changed = [name for name in plan.space if getattr(winner.config, name) != getattr(base, name)]
    others = [_without(winner, name, getattr(base, name), plan.problem) for name in changed]
    if not others:
        return ()
    results, objective = runs.of(each_once(others)), plan.problem.objective
    scores = {name: other.scores(results, objective) for name, other in zip(changed, others, strict=True)}
    whole = {name: of_runs for name, of_runs in scores.items() if not any(map(math.isnan, of_runs.values()))}
    best = winner.scores(results, objective)
    # in one call: p values are corrected for the number of pairs
    found = compare(
        [paired(best, of_runs, plan.margin) for of_runs in whole.values()], Rule(LEVEL, plan.margin)
    )
    return tuple(
        _ablation(name, winner.config, base, comparison)
        for name, comparison in zip(whole, found, strict=True)
    )


def ablation_note(ablation: Sequence[Ablation]) -> str:
    """Returns which of the winner's values matter, in a sentence."""
    matter = [_words(each) for each in ablation if each.tied is False and each.difference > 0]
    rest = [label_of(each.hyperparameter) for each in ablation if each.tied is not False]
    worse = [label_of(each.hyperparameter) for each in ablation if each.tied is False and each.difference < 0]
    said = [f"what matters of the winner: {', '.join(matter)}"] if matter else []
    said += [f"no difference was found for {', '.join(rest)}"] if rest else []
    said += [f"better at the default: {', '.join(worse)}"] if worse else []
    return f"each value back to its default, one at a time: {'; '.join(said)}"


def _without(winner: Candidate, name: str, default: object, problem: Problem) -> Candidate:
    config = winner.config.with_used(**{name: default})  # without sgd its momentum does nothing
    seeds = sorted({run.config.seed for run in winner.runs})
    return Candidate(value=default, config=config, runs=runs_of(config, problem, seeds))


def _ablation(name: str, winner: TrialConfig, base: TrialConfig, found: Comparison) -> Ablation:
    return Ablation(
        hyperparameter=name,
        value=getattr(winner, name),
        default=getattr(base, name),
        difference=found.difference,
        interval=found.interval,
        p_value=found.p_value,
        tied=found.tied,
    )


def _words(each: Ablation) -> str:
    return (
        f"{label_of(each.hyperparameter)} {show_value(each.value)} is better by {each.difference:.4f} than "
        f"{show_value(each.default)}"
    )
