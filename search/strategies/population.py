"""Population based training: learning rate and dropout change while a population of networks trains."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from search.ray_tune.collector import Member
from search.ray_tune.policy import Policy, deadline_after
from search.ray_tune.schedulers import make_population_scheduler
from search.space.labels import label_of, show_value
from search.statistics.classification_errors import break_down
from search.statistics.verdict_text import SINGLE_RUNS
from search.strategies.decision import circumstances
from search.strategies.joint_plan import JointPlan
from search.study.comparison import ages_of, figures_at_inference
from search.study.stage_results import Entry, PopulationResult
from trainables.hyperparameters import Range
from trainables.objective import Objective
from trainables.trial import TrialConfig, TrialStatus


class Population(Protocol):
    """Workers that train a population: `search.ray_tune.driver.Driver` with its callbacks."""

    def population(self, configs: Sequence[TrialConfig], split: str, policy: Policy) -> list[Member]:
        """Returns the members that started from `configs`."""


def run_population(plan: JointPlan, workers: Population) -> PopulationResult:
    """Trains the population of `plan` and returns its members, the best first.

    A member's objective is the mean over the epochs of the line that it ended in. There is one run of
    each, so nothing is said about how sure the winner is; a population that was killed starts again.
    """
    started, objective = time.perf_counter(), plan.problem.objective
    random.seed(plan.base.seed)  # Ray's scheduler draws from it
    deadline = deadline_after(plan.time_budget_s)
    space = {name: values for name, values in plan.space.items() if isinstance(values, Range)}
    scheduler = make_population_scheduler(objective, space, plan.base.epochs)
    configs = [trial.config for trial in plan.trials()]
    split = plan.problem.splits[0]
    members = workers.population(configs, split.name, Policy(scheduler=scheduler, deadline=deadline))
    ordered = sorted(members, key=partial(_rank, objective))
    best = next((member for member in ordered if member.status is TrialStatus.COMPLETED), None)
    breakdown = None
    if best and best.predictions is not None:
        labels = plan.problem.labels[split.validation]
        ages = ages_of(plan.problem, split.validation)
        breakdown = break_down(labels, best.predictions, ages, plan.problem.manifest.class_names)
    shared = circumstances(plan, plan.trials(), started)
    return PopulationResult(
        **{**shared, "notes": (*shared["notes"], *_NOTES)},
        entries=tuple(_entry(member, objective) for member in ordered),
        winner=best.trial.config if best else None,
        verdict="single" if best else "none",
        statement=_statement(best, plan),
        breakdown=breakdown,
        settings=plan.settings(),
        members=tuple(_plain(member, plan) for member in ordered),
    )


_NOTES = (
    "the values shown are those of the last epoch; search.members in the stage's file has every epoch's",
    "training with these values from the first epoch is another configuration",
)


def _rank(objective: Objective, member: Member) -> float:
    value = objective.gain(objective.of_epochs(member.epochs))
    return math.inf if member.status is not TrialStatus.COMPLETED or math.isnan(value) else -value


def _entry(member: Member, objective: Objective) -> Entry:
    result = member.result()
    return Entry(
        value=None,
        config=member.trial.config,
        trials=(),
        reused=(),
        status=member.status.value,
        reason=member.reason,
        mean=objective.of_epochs(member.epochs),
        spread=math.nan,
        best_val_accuracy=result.best_val_accuracy,
        best_epoch=result.best_epoch,
        seconds=member.seconds,
        **figures_at_inference([result]),
    )


def _plain(member: Member, plan: JointPlan) -> dict[str, Any]:
    return {
        "key": member.known_as.key,
        "number": plan.member_number(member.start),
        "start": member.start.to_dict(),
        "end": member.trial.config.to_dict(),
        "status": member.status.value,
        "values": list(member.values),
        "val_accuracy": [metrics.val_accuracy for metrics in member.epochs],
    }


def _statement(best: Member | None, plan: JointPlan) -> str:
    if best is None:
        return "no member of the population ran to its last epoch"
    first, last = best.values[0], best.values[-1]
    changes = ", ".join(
        f"{label_of(name)} {show_value(first[name])} to {show_value(last[name])}" for name in first
    )
    number = plan.member_number(best.start)
    return f"member {number} has the best value; its lineage went from {changes}; {SINGLE_RUNS}"
