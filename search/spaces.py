"""Ray Tune's searchers and schedulers, as a joint search uses them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from ray import tune
from ray.tune.schedulers import (
    ASHAScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from search.space.joint_space import Range, Space, bases_of
from search.study.stage_results import Objective
from trainables.training.packed import shape_of
from trainables.trial import TrialConfig
from trainables.worker import PACK

MAX_REPEATED_SUGGESTIONS = 200  # of configurations that are known already, in a row
POPULATION_STEPS = 5
STARTUP_SAMPLES = 10  # random ones before TPE has a model (Bergstra et al. 2011; Optuna's default)


Ask = Callable[[Mapping[str, Any]], "dict[str, Any] | float | None"]
"""Maps suggested values to what a worker should train, to their value where it is known, or to None: wait."""


class KnowingSearcher(Searcher):  # type: ignore[misc]  # Ray has no types
    """Optuna's TPE, told of configurations that the ledger has instead of training them again.

    `ask` says of a suggestion what is to be done, `full` whether enough were asked for; `known` are
    configurations with their values from before. As many suggestions as the attribute `pack` says are asked
    for at a time, each but the first with those before it taken to be bad (the constant liar); above 1
    those of one shape go to a worker together.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        ask: Ask,
        full: Callable[[], bool],
        known: Sequence[tuple[TrialConfig, float]] = (),
    ) -> None:
        super().__init__(metric=objective.metric, mode=objective.mode)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._ask, self._full = ask, full
        self.pack = 1
        self._asked = 0
        self._waiting: list[list[_Suggestion]] = []  # packs for the next workers
        self._names: dict[str, list[str]] = {}
        self._values: dict[str, float] = {}
        self._optuna = OptunaSearch(
            {name: _distribution(values) for name, values in space.items()},
            metric=objective.metric,
            mode=objective.mode,
            sampler=optuna.samplers.TPESampler(
                seed=seed + len(known), n_startup_trials=STARTUP_SAMPLES, constant_liar=True
            ),
        )
        for config, value in known:
            self._optuna.add_evaluated_point(self._parameters(config), value)

    def bases(self, base: TrialConfig) -> list[TrialConfig]:
        """Returns `base` with each backbone that may be suggested."""
        return bases_of(base, self._space)

    def suggest(self, trial_id: str) -> Any:
        """Returns what a worker should train next, None to be asked later, or FINISHED."""
        trained_now = False
        if not self._waiting:
            batch, trained_now = self._ask_batch()
            self._waiting = _by_shape(batch)
        if not self._waiting:
            return None if trained_now else Searcher.FINISHED
        members = self._waiting.pop(0)
        self._names[trial_id] = [member.name for member in members]
        assignments = [member.assignment for member in members]
        return {PACK: assignments} if self.pack > 1 else {"trial": assignments[0]}

    def _ask_batch(self) -> tuple[list[_Suggestion], bool]:
        """Returns what is to be trained, and whether the last suggestion is in training already."""
        batch: list[_Suggestion] = []
        for _ in range(MAX_REPEATED_SUGGESTIONS):
            if self._full() or len(batch) == self.pack:
                break
            self._asked += 1
            name = f"suggestion-{self._asked}"
            answer = self._ask(self._values_of(self._optuna.suggest(name)))
            if isinstance(answer, dict):
                batch.append(_Suggestion(name, answer))
                continue
            self._optuna.on_trial_complete(name, {self.metric: answer}, error=answer is None)
            if answer is None:
                return batch, True
        return batch, False

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Notes the last values: TPE models what trials end with."""
        names = self._names[trial_id]
        for name, report in zip(names, result.get(PACK, [result]), strict=True):
            if report:
                self._values[name] = report[self.metric]

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tells TPE how suggestions ended; one that was stopped early counts with its last value."""
        if result:
            self.on_trial_result(trial_id, result)
        for name in self._names.pop(trial_id):
            value = self._values.pop(name, None)
            failed = error or value is None
            self._optuna.on_trial_complete(name, None if failed else {self.metric: value}, failed)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""

    def _values_of(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value if isinstance(values, Range) else values[value]
            for name, value in suggested.items()
            for values in [self._space[name]]
        }

    def _parameters(self, config: TrialConfig) -> dict[str, Any]:
        return {
            name: getattr(config, name) if isinstance(values, Range) else values.index(getattr(config, name))
            for name, values in self._space.items()
        }


class Listed(Searcher):  # type: ignore[misc]  # Ray has no types
    """Suggests `values` under `name`, one after the other, whatever comes of them.

    Tune's grid search would copy all values for each of them: a cost that grows with their square.
    """

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        super().__init__()
        self._name, self._values = name, iter(values)

    def suggest(self, trial_id: str) -> Any:
        """Returns the next one, or FINISHED."""
        for value in self._values:
            return {self._name: value}
        return Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the list is what it is."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""


@dataclass(frozen=True)
class _Suggestion:
    name: str
    assignment: dict[str, Any]


def _by_shape(batch: Sequence[_Suggestion]) -> list[list[_Suggestion]]:
    groups: dict[Hashable, list[_Suggestion]] = {}
    for member in batch:
        groups.setdefault(shape_of(TrialConfig.from_dict(member.assignment["config"])), []).append(member)
    return list(groups.values())


class Referee:
    """Stops members of packs by the rule of a scheduler of Tune's, which sees trials, not members.

    It decides as the scheduler would if the members had been trials that report one after the other.
    Raises ValueError for a scheduler of which `stops_members` is not true.
    """

    def __init__(self, scheduler: TrialScheduler) -> None:
        if not stops_members(scheduler):
            raise ValueError(f"a referee needs a scheduler that only stops, received {scheduler}")
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
    """Returns whether `scheduler` does nothing but stop trials: then a `Referee` can apply it to packs."""
    return isinstance(scheduler, ASHAScheduler | MedianStoppingRule)


@dataclass(frozen=True)
class _Member:
    """What the schedulers want to know of a trial."""

    trial_id: str


class _NobodyWaits:
    """What the schedulers want to know of Tune: no trial waits for the place of another."""

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


def _distribution(values: tuple[Any, ...] | Range) -> BaseDistribution:
    if isinstance(values, Range):
        return FloatDistribution(values.low, values.high, log=values.log)
    return CategoricalDistribution(range(len(values)))
