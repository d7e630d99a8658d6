"""Ray Tune's searchers and schedulers, as a joint search uses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

from search.configurations import Range, Space
from search.results import Objective
from trainables.trial import TrialConfig

MAX_REPEATED_SUGGESTIONS = 200  # of configurations that are known already, in a row
POPULATION_STEPS = 5
STARTUP_SAMPLES = 10  # random ones before TPE has a model (Bergstra et al. 2011; Optuna's default)


Ask = Callable[[Mapping[str, Any]], "dict[str, Any] | float | None"]
"""Maps suggested values to what a worker should train, to their value where it is known, or to None: wait."""


class KnowingSearcher(Searcher):  # type: ignore[misc]  # Ray has no types
    """Optuna's TPE, told of configurations that the ledger has instead of training them again.

    `ask` says of a suggestion what is to be done, `full` whether enough were asked for; `known` are
    configurations with their values from before.
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
        self._asked = 0
        self._names: dict[str, str] = {}
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

    def suggest(self, trial_id: str) -> Any:
        """Returns what a worker should train next, None to be asked later, or FINISHED."""
        for _ in range(MAX_REPEATED_SUGGESTIONS):
            if self._full():
                break
            self._asked += 1
            name = f"suggestion-{self._asked}"
            answer = self._ask(self._values(self._optuna.suggest(name)))
            if isinstance(answer, dict):
                self._names[trial_id] = name
                return {"trial": answer}
            self._optuna.on_trial_complete(name, {self.metric: answer}, error=answer is None)
            if answer is None:
                return None
        return Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tells TPE how a suggestion ended; a trial that a scheduler stopped counts with its last value."""
        self._optuna.on_trial_complete(self._names.pop(trial_id), result, error)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Ignored: TPE models what trials end with."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""

    def _values(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
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
