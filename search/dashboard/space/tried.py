"""Completed trials of a study, and the figures that say what their hyperparameters did."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from search.report.document import Axis, Curve, Panel
from search.report.render.charts import CLICKED, Chart, panel_chart
from search.report.render.palette import COLOURS, GREY, SCALE
from search.report.sections.importance import axis_of
from search.report.sections.joint import DRAWN, one_in
from search.space.labels import label_of, show_value, varied_among
from search.statistics.configurations import scored_by
from trainables.objective import Objective
from trainables.trial import TrialResult

if TYPE_CHECKING:
    import optuna

FEWEST = 10  # configurations, below which a figure would show chance
_LOGARITHMIC = ("learning_rate", "l2")
_CELLS = 40  # of a contour, each way
_HEIGHT_PX = 340


@dataclass(frozen=True)
class Tried:
    """The trials of a study that completed, by the names of their stages; equal where `moment` is."""

    moment: tuple[Any, ...]
    objective: Objective
    by_stage: Mapping[str, Sequence[TrialResult]] = field(compare=False)

    def only(self, stages: Sequence[str]) -> Tried:
        """Returns those of the stages; all of them where no stage is named."""
        if not stages:
            return self
        kept = {stage: trials for stage, trials in self.by_stage.items() if stage in stages}
        return replace(self, moment=(*self.moment, *stages), by_stage=kept)

    @cached_property
    def trials(self) -> list[TrialResult]:
        """All of them that have a value of the objective."""
        return scored_by([trial for trials in self.by_stage.values() for trial in trials], self.objective)

    @cached_property
    def scores(self) -> list[float]:
        """The objective of each of `trials`."""
        return [self.objective.of(trial) for trial in self.trials]

    @cached_property
    def names(self) -> list[str]:
        """The hyperparameters that differ between them."""
        return varied_among([trial.trial.config for trial in self.trials])

    @property
    def every(self) -> int:
        """One in so many is drawn as a point, by rank, from the best one on."""
        return one_in(len(self.trials))


def importance(tried: Tried, names: Sequence[str]) -> Sequence[Chart]:
    """Returns the bars of optuna's importance, by its own method (PED-ANOVA)."""
    import optuna

    found = optuna.importance.get_param_importances(_study(tried, names))
    rows = [{"name": name, "share": share} for name, share in found.items()]
    bars = alt.Chart(alt.InlineData(rows)).encode(
        alt.X("share:Q", title=f"importance for {tried.objective.name}"),
        alt.Y("name:N", sort=None, title="hyperparameter"),
    )
    numbers = bars.mark_text(align="left", dx=4).encode(alt.Text("share:Q", format=".2f"))
    return [_layered(bars.mark_bar(color=COLOURS[0]), numbers)]


def slices(tried: Tried, names: Sequence[str]) -> Sequence[Chart]:
    """Returns the objective over the values of each hyperparameter."""
    score = alt.Y("score:Q", title=tried.objective.name, scale=alt.Scale(zero=False))
    return [_layered(_points(tried, axis).encode(score)) for axis in _axes(tried, names)]


def contour(tried: Tried, names: Sequence[str]) -> Sequence[Chart]:
    """Returns the objective over a pair of hyperparameters, interpolated between the trials."""
    across, up = _axes(tried, names[:2])
    colour = _colour("score:Q", tried.objective.name)
    ground = alt.Chart(alt.InlineData(_between(tried, across, up))).mark_rect(opacity=0.6)
    cells = ground.encode(_place(alt.X, across), _place(alt.Y, up), colour, x2="x2:Q", y2="y2:Q")
    return [_layered(cells, _points(tried, across, up).encode(colour))]


def rank(tried: Tried, names: Sequence[str]) -> Sequence[Chart]:
    """Returns the ranks of the trials over a pair of hyperparameters."""
    points = _points(tried, *_axes(tried, names[:2]))
    return [_layered(points.encode(_colour("rank:Q", "rank, 1 the best")))]


def distribution(tried: Tried, names: Sequence[str]) -> Sequence[Chart]:
    """Returns the empirical distribution of the objective, a curve for each stage."""
    by_stage = {
        stage: sorted(map(tried.objective.of, scored_by(found, tried.objective)))
        for stage, found in tried.by_stage.items()
    }
    curves = [
        Curve(label=stage, x=[found[n] for n in drawn], y=[(n + 1) / len(found) for n in drawn], steps=True)
        for stage, found in by_stage.items()
        if (drawn := np.unique(np.linspace(0, len(found) - 1, DRAWN).astype(int)).tolist()) and found
    ]
    panel = Panel(title="", x_label=tried.objective.name, y_label="share of the trials", curves=curves)
    return [panel_chart(panel)]


FIGURES: Mapping[str, tuple[Callable[[Tried, Sequence[str]], Sequence[Chart]], str]] = {
    "Importance": (
        importance,
        "How much of what distinguishes good trials is due to each hyperparameter (optuna's PED-ANOVA). It "
        "covers only the values that were tried: stages vary one hyperparameter around a winner, so the "
        "others had little room to matter, and a small share proves nothing.",
    ),
    "Slice": (
        slices,
        "Each point is a trial; a value whose points lie higher did well with whatever else was tried. "
        "Points of one value differ by their other values and by chance. Click a point to open its trial.",
    ),
    "Contour": (
        contour,
        "The objective over two hyperparameters. Only at its points was anything trained; the colour between "
        "them is interpolated, and says nothing where there are none.",
    ),
    "Rank": (
        rank,
        "Like the contour, but coloured by rank, so that few very bad trials do not hide the differences "
        "between good ones. Nothing is interpolated.",
    ),
    "Distribution": (
        distribution,
        "The share of a stage's trials at or below each value of the objective. A curve further to the right "
        "tried better configurations; a steep one says that its values hardly mattered.",
    ),
}
"""Figures by their names, each with a sentence on what it can say."""


def _layered(*layers: alt.Chart) -> Chart:
    return alt.LayerChart(layer=list(layers)).properties(height=_HEIGHT_PX)


def _axes(tried: Tried, names: Sequence[str]) -> Sequence[Axis]:
    return [axis_of(name, [trial.trial.config for trial in tried.trials]) for name in names]


def _points(tried: Tried, across: Axis, up: Axis | None = None) -> alt.Chart:
    """Returns a point for each trial at its values, and a click on it selects the trial."""
    gains = [tried.objective.gain(score) for score in tried.scores]
    ranks = np.searchsorted(np.sort(gains), gains) / (len(gains) - 1)
    rows = [
        {
            CLICKED: tried.trials[number].trial.key,
            "score": tried.scores[number],
            "rank": float(ranks[number]),
            "x": across.positions[number],
            "y": up and up.positions[number],
        }
        for number in sorted(np.argsort(gains)[:: -tried.every].tolist())
    ]
    placed = [_place(alt.X, across), *([_place(alt.Y, up)] if up else [])]
    points = alt.Chart(alt.InlineData(rows)).mark_point(filled=True, size=50, color=COLOURS[0], stroke=GREY)
    score = alt.Tooltip("score:Q", title=tried.objective.name, format=".4f")
    clicked = alt.selection_point(name=CLICKED, fields=[CLICKED])
    chart: alt.Chart = points.encode(*placed, tooltip=[score, f"{CLICKED}:N"]).add_params(clicked)
    return chart


def _between(tried: Tried, across: Axis, up: Axis) -> list[dict[str, float]]:
    """Returns cells with the objective between the trials; none where all lie on one line."""
    from scipy.interpolate import griddata

    places = np.column_stack((across.positions, up.positions))
    low, high = places.min(axis=0), places.max(axis=0)
    distinct, number = np.unique((places - low) / (high - low), axis=0, return_inverse=True)
    if np.linalg.matrix_rank(distinct - distinct[0]) < 2:
        return []
    means = np.bincount(number, tried.scores) / np.bincount(number)
    starts = np.arange(_CELLS) / _CELLS
    grid = np.stack(np.meshgrid(starts, starts), axis=-1).reshape(-1, 2)
    found = griddata(distinct, means, grid + 0.5 / _CELLS)
    known = np.isfinite(found)
    corners = np.hstack((low + grid * (high - low), low + (grid + 1 / _CELLS) * (high - low)))[known]
    rows = np.column_stack((corners, found[known])).tolist()
    return [dict(zip(("x", "y", "x2", "y2", "score"), row, strict=True)) for row in rows]


def _place(channel: type[alt.X | alt.Y], axis: Axis) -> Any:
    """Returns the channel of a hyperparameter, with the texts of its values."""
    places, texts = json.dumps(list(axis.ticks)), json.dumps(list(axis.ticks.values()))
    ticks = alt.Axis(
        values=list(axis.ticks), labelExpr=f"{texts}[indexof({places}, datum.value)]", grid=False
    )
    scale = alt.Scale(zero=False, nice=False, padding=12)
    return channel(f"{channel.__name__.lower()}:Q", title=axis.label, axis=ticks, scale=scale)


def _colour(field: str, title: str) -> alt.Color:
    return alt.Color(field, title=title, scale=alt.Scale(range=SCALE), legend=alt.Legend(orient="bottom"))


def _study(tried: Tried, names: Sequence[str]) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = optuna.study.StudyDirection
    direction = kinds.MAXIMIZE if tried.objective.mode == "max" else kinds.MINIMIZE
    study = optuna.create_study(direction=direction)
    columns = {name: _column(name, tried.trials) for name in names}
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={label_of(name): values[number] for name, (values, _) in columns.items()},
                distributions={label_of(name): domain for name, (_, domain) in columns.items()},
                value=score,
            )
            for number, score in enumerate(tried.scores)
        ]
    )
    return study


def _column(name: str, trials: Sequence[TrialResult]) -> tuple[list[Any], Any]:
    """Returns the values of a hyperparameter, and their domain: numbers where all are, else texts."""
    import optuna

    values = [getattr(trial.trial.config, name) for trial in trials]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        texts = [show_value(value) for value in values]
        return texts, optuna.distributions.CategoricalDistribution(sorted(set(texts)))
    numbers = [float(value) for value in values]
    is_log = name in _LOGARITHMIC and min(numbers) > 0
    return numbers, optuna.distributions.FloatDistribution(min(numbers), max(numbers), log=is_log)
