"""Ray Tune's schedulers, as a joint search uses them, and the stopping of members of packs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray import tune
from ray.tune.schedulers import (
    ASHAScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)

from trainables.hyperparameters import Range
from trainables.objective import Objective

POPULATION_STEPS = 5


class PackEarlyStopping:
    """Early stopping of members of packs by the rule of a scheduler of Tune's, which sees trials only.

    It decides as the scheduler would if the members had been trials that report one after the other.
    Raises ValueError for a scheduler of which `stops_members` is not true.
    """

    def __init__(self, scheduler: TrialScheduler) -> None:
        if not stops_members(scheduler):
            raise ValueError(f"packs need a scheduler that only stops, received {scheduler}")
        self._scheduler = scheduler
        self._members: dict[str, _Member] = {}
        self._stopped: set[str] = set()

    def stopped(self, figures: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Hears the figures of members after an epoch, by key, and returns the keys of those to stop.

        A pack that begins again after its worker died hears the same of those that were stopped before.
        """
        for key, heard in figures.items():
            if key not in self._stopped and self._stops(key, heard):
                self._stopped.add(key)
        return self._stopped & figures.keys()

    def _stops(self, key: str, heard: Mapping[str, Any]) -> bool:
        if key not in self._members:
            self._members[key] = _Member(key)
            self._scheduler.on_trial_add(_NOBODY_WAITS, self._members[key])
        action = self._scheduler.on_trial_result(_NOBODY_WAITS, self._members[key], dict(heard))
        return bool(action == TrialScheduler.STOP)


def stops_members(scheduler: TrialScheduler | None) -> bool:
    """Returns whether `scheduler` does nothing but stop trials, so that `PackEarlyStopping` can apply it."""
    return isinstance(scheduler, ASHAScheduler | MedianStoppingRule)


@dataclass(frozen=True)
class _Member:
    """Trial, as far as the schedulers look at one."""

    trial_id: str


class _NobodyWaits:
    """Tune, as far as the schedulers look at it: no trial waits for the place of another."""

    def get_live_trials(self) -> list[Any]:
        """Returns none."""
        return []


_NOBODY_WAITS = _NobodyWaits()


def make_population_scheduler(
    objective: Objective, space: Mapping[str, Range], epochs: int
) -> TrialScheduler:
    """Returns Ray's population based training (Jaderberg et al. 2017) over the ranges in `space`.

    Five times in `epochs` the worse quarter takes over state and values of the better quarter, the values
    times 0.8 or 1.2, or drawn anew in one case of four, and kept within their range.
    """

    def within_ranges(assignment: dict[str, Any]) -> dict[str, Any]:
        config = assignment["trial"]["config"]
        for name, values in space.items():
            config[name] = min(max(config[name], values.low), values.high)
        return assignment

    return PopulationBasedTraining(
        time_attr="epoch",
        metric=objective.metric,
        mode=objective.mode,
        perturbation_interval=max(1, epochs // (POPULATION_STEPS + 1)),
        hyperparam_mutations={"trial": {"config": {name: _domain(values) for name, values in space.items()}}},
        custom_explore_fn=within_ranges,
        log_config=False,
        synch=True,
    )


def make_scheduler(name: str, objective: Objective, epochs: int) -> TrialScheduler | None:
    """Returns Ray's scheduler called `name` for trials of `epochs`; None for "none".

    asha and hyperband keep one of three at each rung (Li et al. 2018, 2020); median stops what is below
    the median of the others' running means (Golovin et al. 2017). None stops before the third epoch.
    """
    common = {"time_attr": "epoch", "metric": objective.metric, "mode": objective.mode}
    grace = min(3, epochs)
    match name:
        case "asha":
            return ASHAScheduler(**common, max_t=epochs, grace_period=grace, reduction_factor=3)
        case "hyperband":
            return HyperBandScheduler(**common, max_t=epochs, reduction_factor=3)
        case "median":
            return MedianStoppingRule(**common, grace_period=grace, min_samples_required=3)
        case _:
            return None


def _domain(values: Range) -> Any:
    draw = tune.loguniform if values.log else tune.uniform
    return draw(values.low, values.high)
