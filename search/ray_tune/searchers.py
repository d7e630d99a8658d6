"""Searchers for Ray Tune: TPE that knows the ledger, and a list."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from search.space.joint_space import Space, bases_of
from search.space.values import Values
from search.study.holding.shared_work import SharedWork
from trainables.hyperparameters import HYPERPARAMETERS, Range, Sharing
from trainables.objective import Objective
from trainables.training.packed import shape_of
from trainables.trial import TrialConfig
from trainables.worker import PACK

MAX_REPEATED_SUGGESTIONS = 200  # of configurations that are known already, in a row
STARTUP_SAMPLES = 10  # random ones before TPE has a model (Bergstra et al. 2011; Optuna's default)


Ask = Callable[[Mapping[str, Any]], "dict[str, Any] | float | None"]
"""Maps suggested values to what a worker should train, to their value where it is known, or to None: wait."""


class KnowingSearcher(Searcher):  # type: ignore[misc]  # Ray has no types
    """Optuna's TPE, told of configurations that the ledger has instead of training them again.

    `ask` says of a suggestion what is to be done, `full` whether enough were asked for; `known` are
    configurations with their values from before, `starts` are suggested first. As many suggestions as the
    attribute `pack` says are asked for at a time, each but the first with those before it taken to be bad
    (the constant liar); above 1 those of one shape go to a worker together. So that packs fill, what follows
    the first suggestion of a pack has its shape, and differs in what members of a pack may differ in; the
    random ones at the beginning are of any shape, as TPE has to see several.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        ask: Ask,
        full: Callable[[], bool],
        known: Sequence[tuple[TrialConfig, float]] = (),
        starts: Sequence[TrialConfig] = (),
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
        self._known = len(known)
        self._shape: dict[str, Any] = {}  # what the rest of a pack shares, filled and emptied in place
        self._optuna = OptunaSearch(
            {name: _distribution(values) for name, values in space.items()},
            points_to_evaluate=[self._parameters(config) for config in starts],
            metric=objective.metric,
            mode=objective.mode,
            sampler=_fixing(self._shape, seed + len(known)),
        )
        for config, value in known:
            self._optuna.add_evaluated_point(self._parameters(config), value)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its searcher down; a search continues from the ledger

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
        self._shape.clear()
        repeated = 0
        # a shape of which little is left ends its pack: the next begins with a shape of its own
        while repeated < (self.pack if self._shape else MAX_REPEATED_SUGGESTIONS):
            if self._full() or len(batch) == self.pack:
                break
            self._asked += 1
            name = f"suggestion-{self._asked}"
            suggested = self._optuna.suggest(name)
            answer = self._ask(self._values_of(suggested))
            if isinstance(answer, dict):
                batch.append(_Suggestion(name, answer))
                if not self._shape:
                    self._shape.update(self._shape_in(suggested))
                continue
            repeated += 1
            self._optuna.on_trial_complete(name, {self.metric: answer}, error=answer is None)
            if answer is None:
                return batch, True
        return batch, False

    def _shape_in(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        """Returns those of the suggested parameters that the rest of a pack shares; none at the beginning."""
        if self.pack == 1 or self._known + self._asked < STARTUP_SAMPLES:
            return {}
        return {name: suggested[name] for name, values in self._space.items() if _is_shape(name, values)}

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
        return {name: _parameter(getattr(config, name), values) for name, values in self._space.items()}


class Listed(Searcher):  # type: ignore[misc]  # Ray has no types
    """Suggests `values` under `name`, one after the other, whatever comes of them.

    Tune's grid search would copy all values for each of them: a cost that grows with their square. What is
    `shared` with other drivers is claimed first, and no more of it than are trained next.
    """

    def __init__(self, name: str, values: Sequence[Any], shared: Claims | None = None) -> None:
        super().__init__()
        self._name, self._values, self._shared = name, iter(values), shared
        self._under_way = 0

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its searcher down; a search continues from the ledger

    def suggest(self, trial_id: str) -> Any:
        """Returns the next one, None to be asked later, or FINISHED."""
        if self._shared and self._shared.is_enough(self._under_way):
            return None
        for value in self._values:  # only the next: the iterator remembers where it is
            mine = self._shared.claimed(value) if self._shared else value
            if mine:
                self._under_way += 1
                return {self._name: mine}
        return Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Notes that one is done."""
        self._under_way -= 1

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search continues from the ledger."""


@dataclass(frozen=True)
class Claims:
    """Claims to what stands in a list, a trial or a pack each; `slots` says how many train at a time."""

    sharing: SharedWork
    slots: Callable[[], int]

    def is_enough(self, under_way: int) -> bool:
        """Returns whether the rest is left to others for now: one waits beside those in training."""
        return self.sharing.is_shared and under_way > self.slots()

    def claimed(self, value: Any) -> Any:
        """Returns what of `value` this driver trains, nothing where others have it."""
        keys = [each["key"] for each in (value if isinstance(value, list) else [value])]
        ours = set(self.sharing.claim(keys))
        return [each for each in value if each["key"] in ours] if isinstance(value, list) else ours and value


@dataclass(frozen=True)
class _Suggestion:
    name: str
    assignment: dict[str, Any]


def _by_shape(batch: Sequence[_Suggestion]) -> list[list[_Suggestion]]:
    groups: dict[Hashable, list[_Suggestion]] = {}
    for member in batch:
        groups.setdefault(shape_of(TrialConfig.from_dict(member.assignment["config"])), []).append(member)
    return list(groups.values())


def _fixing(parameters: dict[str, Any], seed: int) -> optuna.samplers.BaseSampler:
    """Returns a sampler of all parameters but those that are in `parameters` at the time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        base = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_SAMPLES, constant_liar=True)
        return optuna.samplers.PartialFixedSampler(parameters, base)


def _is_shape(name: str, values: Values) -> bool:
    """Returns whether configurations that differ in the hyperparameter have several shapes."""
    sharing = HYPERPARAMETERS[name].sharing
    # no range yields exactly 0
    return sharing is Sharing.NONE or (sharing is Sharing.WHERE_SET and not isinstance(values, Range))


def _parameter(value: Any, values: Values) -> Any:
    """Returns what the sampler calls `value`; of what is not used in a configuration the first it knows."""
    if isinstance(values, Range):
        return min(max(value, values.low), values.high)
    return values.index(value) if value in values else 0


def _distribution(values: Values) -> BaseDistribution:
    if isinstance(values, Range):
        if values.whole:
            return IntDistribution(int(values.low), int(values.high), log=values.log)
        return FloatDistribution(values.low, values.high, log=values.log)
    return CategoricalDistribution(range(len(values)))
