"""The configurations of a joint search: the product of the stages' values, or points of ranges."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_prep.errors import InputError
from search.space.labels import label_of, show_value, varied_among
from search.space.presets import PRESETS, REPORT
from search.space.stages import EVERY_STAGE
from search.space.values import Values
from trainables.hyperparameters import HYPERPARAMETERS, Range
from trainables.trial import TrialConfig

MOST_STARTS = 5  # configurations of another study that a search begins with
OF_ROWS = (
    "backbone",
    "input_px",
    "pooling",
    "unfrozen_blocks",
    "augment",
)  # which rows of the cache a configuration reads
Space = Mapping[str, Values]
"""The values or the range of each hyperparameter that a joint search varies."""

VARIED = PRESETS[REPORT].vary
POPULATION, POPULATION_STAGES = "pbt", ("lr", "dropout")
SEARCHES = ("grid", "random", "tpe")
SCHEDULERS = ("none", "asha", "hyperband", "median", POPULATION)
RANGES: Mapping[str, Range] = {
    name: row.range for name, row in HYPERPARAMETERS.items() if row.range and not row.range.whole
}

POPULATION_RANGES: Mapping[str, Range] = {
    "learning_rate": RANGES["learning_rate"],
    "dropout": Range(low=0.01, high=0.5),  # never 0: a network without dropout layers has another state
}


def joint_space(
    names: Sequence[str],
    given: Mapping[str, Any],
    *,
    ranges: bool,
    values: Mapping[str, Values] | None = None,
) -> Space:
    """Returns what is tried of the stages `names`, without what is given.

    That is what `values` has of them, else with `ranges` the range, else the values of the stage.
    """
    space: dict[str, Values] = {}
    for name in names:
        stage = EVERY_STAGE[name]
        if stage.hyperparameter not in given:
            usual: Values = RANGES.get(stage.hyperparameter, stage.values) if ranges else stage.values
            space[stage.hyperparameter] = (values or {}).get(name, usual)
    if not space:
        raise InputError("a joint search needs a hyperparameter to vary, all are given; leave one out")
    return space


def require_of_use(space: Space, base: TrialConfig) -> None:
    """Raises InputError for a hyperparameter of `space` that does nothing, such as momentum beside adam."""
    for name in space:
        row = HYPERPARAMETERS[name]
        if row.on_images and not any(each.trains_on_images for each in bases_of(base, space)):
            raise InputError(
                f"{label_of(name)} is of networks that train on images; vary blocks, too, hold "
                "--unfrozen-blocks 1, for instance, or use --backbone hassner"
            )
        other, needed = row.only_with or ("", ())
        possible = _values(space.get(other, (getattr(base, other),))) if other else ()
        if other and not set(possible) & set(needed):
            raise InputError(
                f"{label_of(name)} is of use with {other} {' or '.join(map(str, needed))} only, not with "
                f"{', '.join(map(str, possible))}; vary {other}, too, or hold it at {needed[0]}"
            )


def grid_of(base: TrialConfig, space: Space) -> list[TrialConfig]:
    """Returns the product of the values, the last hyperparameter varying fastest.

    Those that differ only in what does nothing, such as the momentum of adam, are one.
    """
    products = itertools.product(*(_values(values) for values in space.values()))
    configs = (base.with_used(**dict(zip(space, product, strict=True))) for product in products)
    return list(dict.fromkeys(configs))


@dataclass(frozen=True, kw_only=True)
class Starts:
    """Configurations that a joint search begins with, the best ones of the study called `study`.

    `notes` say how many they are, and what was left out of them and why.
    """

    study: str = ""
    configs: tuple[TrialConfig, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def among(cls, found: Iterable[TrialConfig], study: str, base: TrialConfig, space: Space) -> Starts:
        """Returns the first MOST_STARTS of `found`, the best one first, that lie in `space` around `base`."""
        configs: list[TrialConfig] = []
        held: dict[str, None] = {}
        outside: dict[str, None] = {}
        for theirs in found:
            try:
                ours = base.with_used(**{name: getattr(theirs, name) for name in space})
            except ValueError as error:
                outside[str(error)] = None
                continue
            if strange := _outside(ours, space):
                outside |= dict.fromkeys(strange)
            elif ours not in configs:
                held |= dict.fromkeys(name for name in varied_among((ours, theirs)) if name not in space)
                configs.append(ours)
            if len(configs) == MOST_STARTS:
                break
        return cls(study=study, configs=tuple(configs), notes=_told_of(configs, study, held, outside))


def _outside(config: TrialConfig, space: Space) -> list[str]:
    """Returns which of its values the space does not have: "dropout 0.7"."""
    return [
        f"{label_of(name)} {show_value(value)}"
        for name, values in space.items()
        # what does nothing beside the others has its default, tried or not
        if config.is_used(name) and not _has(values, value := getattr(config, name))
    ]


def _has(values: Values, value: Any) -> bool:
    return values.low <= value <= values.high if isinstance(values, Range) else value in values


def _told_of(
    configs: Sequence[TrialConfig], study: str, held: Iterable[str], outside: Iterable[str]
) -> tuple[str, ...]:
    count = f"the best {len(configs)} configurations" if len(configs) > 1 else "the best configuration"
    begins = f"begins with {count} of {study}" if configs else f"begins with nothing of {study}"
    notes = [begins]
    if names := ", ".join(map(label_of, held)):
        notes.append(f"not varied here, so theirs is left out: {names}")
    if values := ", ".join(outside):
        notes.append(f"configurations of {study} are left out for values that are not tried here: {values}")
    return tuple(notes)


def bases_of(base: TrialConfig, space: Space) -> list[TrialConfig]:
    """Returns `base` with each of the space's values of OF_ROWS."""
    of_rows = {name: values for name, values in space.items() if name in OF_ROWS}
    return grid_of(base, of_rows)


def random_configs(base: TrialConfig, space: Space, samples: int) -> list[TrialConfig]:
    """Returns `samples` configurations drawn with the seed of `base`; of a grid each at most once."""
    rng = np.random.default_rng(base.seed)  # the same command tries the same, so it can go on
    if not any(isinstance(values, Range) for values in space.values()):
        grid = grid_of(base, space)
        # a permutation, not draws: a configuration drawn twice would be a trial less
        return [grid[number] for number in rng.permutation(len(grid))[:samples]]
    return [
        base.with_used(**{name: _draw(values, rng) for name, values in space.items()}) for _ in range(samples)
    ]


def _values(values: Values) -> tuple[Any, ...]:
    if isinstance(values, Range):
        raise InputError("a grid takes single values, not a range; use --search random or tpe")
    return values


def _draw(values: Values, rng: np.random.Generator) -> Any:
    if not isinstance(values, Range):
        return values[int(rng.integers(len(values)))]
    if values.log:
        drawn = float(np.exp(rng.uniform(np.log(values.low), np.log(values.high))))
    else:
        drawn = float(rng.uniform(values.low, values.high))
    return round(drawn) if values.whole else drawn
