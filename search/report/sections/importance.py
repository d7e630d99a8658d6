"""Part of the report on the importance of hyperparameters, and the axes of their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from search.report.document import Axis, Block, Paragraph, Points, Series, Table
from search.space.labels import label_of, show_value
from search.statistics.configurations import by_configuration
from search.statistics.importance import FEWEST, FOREST_SEED, SHUFFLED, SHUFFLES, TREES, Importance, scale_of
from search.statistics.number_text import NONE, decimal, with_spread
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import TrialConfig, TrialResult


def importance_blocks(
    trials: Sequence[TrialResult], names: Sequence[str], found: Importance | None
) -> Iterator[Block]:
    """Yields what was `found` of the hyperparameters `names` over completed `trials`, or why nothing was."""
    count = len(by_configuration(trials))
    if found is None or count < FEWEST:  # a study of before may have kept one of fewer
        yield Paragraph(
            f"Importance of the hyperparameters: not shown: it needs {FEWEST} completed configurations of at "
            f"least two varied hyperparameters; there are {count} configurations of {len(names)}."
        )
        return
    labels = [label_of(name) for name in found.names]
    pairs = list(zip(found.means, found.spreads, strict=True))
    yield Table(
        caption="Importance of each hyperparameter: loss of R² when its values are shuffled",
        columns=("hyperparameter", "importance, ours", "published"),
        rows=[(label, with_spread(*pair), NONE) for label, pair in zip(labels, pairs, strict=True)],
    )
    of = f" of {SHUFFLED:,} trials" if found.trials > SHUFFLED else ""
    trust = "" if found.explained > 0 else " That is nothing: do not read anything into this table."
    yield Paragraph(
        f"Permutation importance of a random forest (scikit-learn, {TREES} trees, {SHUFFLES} shuffles{of}, "
        f"seed {FOREST_SEED}) over the {found.trials} completed trials, ± standard deviation over the "
        f"shuffles. It explains R² = {decimal(found.explained, 2)} of trials that it did not see.{trust} It "
        f"describes these trials, over the values that were tried: {_values_tried(trials, found.names)}."
    )
    yield Points(
        name="joint-importance",
        caption="Importance of each hyperparameter: loss of R² when shuffled, ± 1 standard deviation",
        x_label="hyperparameter",
        y_label="loss of R²",
        categories=labels,
        series=[
            Series(
                label="importance",
                values=found.means,
                low=[mean - spread for mean, spread in pairs],
                high=[mean + spread for mean, spread in pairs],
            )
        ],
    )


def axis_of(name: str, configs: Sequence[TrialConfig]) -> Axis:
    """Returns where each of `configs` stands on the axis of the hyperparameter `name`; see `scale_of`."""
    values = [getattr(config, name) for config in configs]
    distinct = sorted(set(values))
    scale = scale_of(name, distinct)
    if scale in (float, math.log10):
        return _scaled(label_of(name), values, scale)
    return Axis(
        label=label_of(name),
        positions=[scale(value) for value in values],
        ticks={float(number): show_value(value) for number, value in enumerate(distinct)},
    )


def objective_axis(trials: Sequence[TrialResult], objective: Objective = OBJECTIVE) -> Axis:
    """Returns where each of `trials` stands on the axis of the objective."""
    return _scaled(label_of(objective.metric), [objective.of(trial) for trial in trials], float)


def _scaled(label: str, values: Sequence[float], scale: Callable[[float], float]) -> Axis:
    marks = np.linspace(scale(min(values)), scale(max(values)), 9)
    return Axis(
        label=label,
        positions=[scale(value) for value in values],
        # positions, not values: an axis of parallel coordinates is logarithmic beside linear ones
        ticks={float(mark): f"{10**mark if scale is math.log10 else mark:.3g}" for mark in marks},
    )


def _values_tried(trials: Sequence[TrialResult], names: Sequence[str]) -> str:
    """Returns the least and the largest value that was tried of each of `names`."""
    parts = []
    for name in names:
        distinct = sorted({getattr(trial.trial.config, name) for trial in trials})
        parts.append(f"{label_of(name)} {show_value(distinct[0])} to {show_value(distinct[-1])}")
    return ", ".join(parts)
