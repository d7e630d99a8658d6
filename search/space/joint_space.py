"""The configurations of a joint search: the product of the stages' values, or points of ranges."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data_prep.errors import InputError
from search.space.stages import STAGES
from trainables.trial import TrialConfig


@dataclass(frozen=True)
class Range:
    """A continuous range of a hyperparameter, both ends included; `log` draws evenly in the logarithm."""

    low: float
    high: float
    log: bool = False


Space = Mapping[str, "tuple[Any, ...] | Range"]
"""The values or the range of each hyperparameter that a joint search varies."""

VARIED = ("batch_size", "lr", "neurons", "dropout")  # 6 x 4 x 4 x 6 values are 576 configurations
POPULATION, POPULATION_STAGES = "pbt", ("lr", "dropout")
SEARCHES = ("grid", "random", "tpe")
SCHEDULERS = ("none", "asha", "hyperband", "median", POPULATION)
RANGES: Mapping[str, Range] = {
    "learning_rate": Range(1e-5, 0.1, log=True),
    "dropout": Range(0.0, 0.5),
    "l2": Range(1e-6, 1e-2, log=True),
}

POPULATION_RANGES: Mapping[str, Range] = {
    "learning_rate": RANGES["learning_rate"],
    "dropout": Range(0.01, 0.5),  # never 0: a network without dropout layers has another state
}


def joint_space(names: Sequence[str], given: Mapping[str, Any], *, ranges: bool) -> Space:
    """Returns the values (or, with `ranges`, the ranges) of the stages `names`, without what is given."""
    space: dict[str, tuple[Any, ...] | Range] = {}
    for name in names:
        stage = STAGES[name]
        if stage.hyperparameter not in given:
            values: tuple[Any, ...] | Range = stage.values
            space[stage.hyperparameter] = RANGES.get(stage.hyperparameter, values) if ranges else values
    if not space:
        raise InputError("a joint search needs a hyperparameter to vary, all are given; leave one out")
    return space


def grid_of(base: TrialConfig, space: Space) -> list[TrialConfig]:
    """Returns the product of the values, the last hyperparameter varying fastest."""
    products = itertools.product(*(_values(values) for values in space.values()))
    return [replace(base, **dict(zip(space, product, strict=True))) for product in products]


def bases_of(base: TrialConfig, space: Space) -> list[TrialConfig]:
    """Returns `base` with each backbone of the space: what reads different rows."""
    return [replace(base, backbone=name) for name in _values(space.get("backbone", (base.backbone,)))]


def random_configs(base: TrialConfig, space: Space, samples: int) -> list[TrialConfig]:
    """Returns `samples` configurations drawn with the seed of `base`; of a grid each at most once."""
    rng = np.random.default_rng(base.seed)  # the same command tries the same, so it can go on
    if not any(isinstance(values, Range) for values in space.values()):
        grid = grid_of(base, space)
        # a permutation, not draws: a configuration drawn twice would be a trial less
        return [grid[number] for number in rng.permutation(len(grid))[:samples]]
    return [
        replace(base, **{name: _draw(values, rng) for name, values in space.items()}) for _ in range(samples)
    ]


def _values(values: tuple[Any, ...] | Range) -> tuple[Any, ...]:
    if isinstance(values, Range):
        raise InputError("a grid takes single values, not a range; use --search random or tpe")
    return values


def _draw(values: tuple[Any, ...] | Range, rng: np.random.Generator) -> Any:
    if not isinstance(values, Range):
        return values[int(rng.integers(len(values)))]
    if values.log:
        return float(np.exp(rng.uniform(np.log(values.low), np.log(values.high))))
    return float(rng.uniform(values.low, values.high))
