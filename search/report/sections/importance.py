"""Importance of the hyperparameters of a joint search: a random forest's permutation importance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from search.report.document import Axis, Block, Paragraph, Points, Series, Table
from search.space.labels import label_of, show_value
from search.statistics.number_text import NONE, decimal, with_spread
from search.study.stage_results import Importance
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import TrialConfig, TrialResult

FEWEST = 10  # configurations that were completed, below which no importance is shown
TREES = 100  # scikit-learn's default
SHUFFLES = 10
FOREST_SEED = 7
SHUFFLED = 1_000  # trials at most, drawn anew for each shuffle: more change the second digit and take seconds
_LISTED = 12  # distinct values that get a tick of their own
_LOGARITHMIC = ("learning_rate", "l2")  # drawn over several powers of ten


def importance_blocks(
    trials: Sequence[TrialResult], names: Sequence[str], found: Importance | None
) -> Iterator[Block]:
    """Yields what was `found` of the hyperparameters `names` over completed `trials`, or why nothing was."""
    count = configurations_of(trials, names)
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


def importance_of(
    trials: Sequence[TrialResult], names: Sequence[str], objective: Objective = OBJECTIVE
) -> Importance | None:
    """Returns the importance of the hyperparameters `names` for the `objective` that all of `trials` have.

    A random forest (scikit-learn, 100 trees, seed 7) learns the objective of completed `trials` from the
    hyperparameters; the importance is how much its R² on SHUFFLED of them drops when one is shuffled
    (Breiman 2001), 10 times, with the standard deviation. What it explains of trials that it did not see is
    its R² out of bag. None where there are fewer than FEWEST configurations, whose folds and seeds are no
    more of them, or fewer than two hyperparameters.
    """
    if configurations_of(trials, names) < FEWEST or len(names) < 2:
        return None
    from sklearn.ensemble import RandomForestRegressor  # seconds, with what it computes: a search keeps that
    from sklearn.inspection import permutation_importance

    positions = [axis_of(name, [trial.trial.config for trial in trials]).positions for name in names]
    inputs = np.asarray(positions, dtype=np.float64).T
    scores = np.array([objective.of(trial) for trial in trials])
    forest = RandomForestRegressor(n_estimators=TREES, oob_score=True, random_state=FOREST_SEED)
    forest.fit(inputs, scores)
    found = permutation_importance(
        forest,
        inputs,
        scores,
        n_repeats=SHUFFLES,
        random_state=FOREST_SEED,
        max_samples=min(SHUFFLED, len(trials)),
    )
    return Importance(
        names=tuple(names),
        means=tuple(found.importances_mean.tolist()),  # floats, not NumPy's
        spreads=tuple(found.importances_std.tolist()),
        explained=float(forest.oob_score_),
        trials=len(trials),
    )


def configurations_of(trials: Sequence[TrialResult], names: Sequence[str]) -> int:
    """Returns how many configurations of the hyperparameters `names` there are, whatever seeds and folds."""
    return len({tuple(getattr(trial.trial.config, name) for name in names) for trial in trials})


def axis_of(name: str, configs: Sequence[TrialConfig]) -> Axis:
    """Returns where each of `configs` stands on the axis of the hyperparameter `name`.

    Few values stand at equal distances in their order, many at their size or its logarithm.
    """
    values = [getattr(config, name) for config in configs]
    distinct = sorted(set(values))
    if len(distinct) <= _LISTED or not all(isinstance(value, int | float) for value in distinct):
        return Axis(
            label=label_of(name),
            positions=[float(distinct.index(value)) for value in values],
            ticks={float(number): show_value(value) for number, value in enumerate(distinct)},
        )
    logarithmic = name in _LOGARITHMIC and distinct[0] > 0  # l2 may be 0
    scale: Callable[[float], float] = math.log10 if logarithmic else float
    return _scaled(label_of(name), values, scale)


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
