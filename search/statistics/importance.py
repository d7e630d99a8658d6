"""Importance of the hyperparameters of a joint search: a random forest's permutation importance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_prep.storage.schema import Finite, Number
from search.space.labels import varied_among
from search.statistics.configurations import by_configuration, scored_by
from trainables.objective import Objective
from trainables.trial import TrialResult

FEWEST = 10  # configurations that were completed, below which no importance is shown
TREES = 100  # scikit-learn's default
SHUFFLES = 10
FOREST_SEED = 7
SHUFFLED = 1_000  # trials at most, drawn anew for each shuffle: more change the second digit and take seconds
_FEW = 12  # distinct values that stand at equal distances
_LOGARITHMIC = ("learning_rate", "l2")  # over several powers of ten


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Importance of the hyperparameters `names` over completed `trials`: mean and spread of each.

    `explained` is the R² of trials that it did not see.
    """

    names: tuple[str, ...]
    means: tuple[Finite, ...]
    spreads: tuple[Finite, ...]
    explained: Finite
    trials: Number


def importance_among(trials: Sequence[TrialResult], objective: Objective) -> Importance | None:
    """Returns the importance of what differs among those of `trials` that have a value of the `objective`.

    A random forest (scikit-learn, 100 trees, seed 7) learns the objective of completed `trials` from their
    hyperparameters; the importance is how much its R² on SHUFFLED of them drops when one is shuffled
    (Breiman 2001), 10 times, with the standard deviation. What it explains of trials that it did not see is
    its R² out of bag. None where there are fewer than FEWEST configurations, whose folds and seeds are no
    more of them, or fewer than two hyperparameters.
    """
    done = scored_by(trials, objective)
    names = varied_among([each.trial.config for each in done])
    if len(by_configuration(done)) < FEWEST or len(names) < 2:
        return None
    from sklearn.ensemble import RandomForestRegressor  # seconds, with what it computes: a search keeps that
    from sklearn.inspection import permutation_importance

    inputs = np.asarray([_positions(name, done) for name in names], dtype=np.float64).T
    scores = np.array([objective.of(trial) for trial in done])
    forest = RandomForestRegressor(n_estimators=TREES, oob_score=True, random_state=FOREST_SEED)
    forest.fit(inputs, scores)
    found = permutation_importance(
        forest,
        inputs,
        scores,
        n_repeats=SHUFFLES,
        random_state=FOREST_SEED,
        max_samples=min(SHUFFLED, len(done)),
    )
    return Importance(
        names=tuple(names),
        means=tuple(found.importances_mean.tolist()),  # floats, not NumPy's
        spreads=tuple(found.importances_std.tolist()),
        explained=float(forest.oob_score_),
        trials=len(done),
    )


def scale_of(name: str, distinct: Sequence[Any]) -> Callable[[Any], float]:
    """Returns where a value of the hyperparameter `name` stands among the `distinct` ones, in their order.

    Few stand at equal distances, many at their size (`float`) or its logarithm (`math.log10`).
    """
    if len(distinct) <= _FEW or not all(isinstance(value, int | float) for value in distinct):
        return lambda value: float(distinct.index(value))
    # l2 may be 0
    return math.log10 if name in _LOGARITHMIC and distinct[0] > 0 else float


def _positions(name: str, trials: Sequence[TrialResult]) -> list[float]:
    values = [getattr(trial.trial.config, name) for trial in trials]
    return list(map(scale_of(name, sorted(set(values))), values))
