"""Estimate of how long a stage takes: from the trials that this study finished, else typical figures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

from data_prep.splits import Split
from search.study.descriptions import clock_time
from search.study.setup import Problem, rows_to_make
from trainables.backbones.cost import known_cost
from trainables.backbones.table import Backbone
from trainables.features.cache import measured_rate
from trainables.features.inputs import find_rows
from trainables.training.packed import shape_of
from trainables.trial import Trial, TrialConfig, TrialResult

# Two cores, no GPU: a head step by backend, a GFLOP of a frozen backbone (the 7 of ResNet50V2 take 0.04 s),
# an image through one whose arithmetic is not known, an image trained by hassner.
TYPICAL_STEP_S = {"jax": 0.008, "tensorflow": 0.016}
TYPICAL_GFLOP_S = 0.006
TYPICAL_EXTRACTION_S = 0.04
TYPICAL_PIXEL_S = 0.05
TYPICAL_COMPILE_S = 3.0  # a head of a new shape, before its first epoch and in it
START_S = 9.0  # Ray and the worker's imports


@dataclass(frozen=True)
class Estimate:
    """Seconds of the trials, of the features before them and of compiling; `measured` where this study's are.

    `start_s` are those before anything is trained.
    """

    trial_s: float
    feature_s: float
    compile_s: float
    measured: bool
    start_s: float = START_S

    @property
    def total_s(self) -> float:
        """Everything, with the start."""
        return self.trial_s + self.feature_s + self.compile_s + (self.start_s if self.trial_s else 0)


def estimate(
    trials: Sequence[Trial],
    done: Iterable[TrialResult],
    problem: Problem,
    features_s: float,
    other_splits: Sequence[Split] = (),
    *,
    running: bool = False,
) -> Estimate:
    """Returns the estimate for training `trials` one after the other.

    `features_s` are the seconds that `extraction_s` says; `other_splits` are those of trials on other data
    than the problem's. Where Ray is `running` nothing waits for it.
    """
    rows = {split.name: len(split.train) for split in (*problem.splits, *other_splits)}
    known = _learned(done, rows)
    total, shapes = 0.0, defaultdict[bool, set[Hashable]](set)
    for trial in trials:
        frozen = not trial.config.trains_on_images
        steps_s = known[frozen].steps_s
        step_s = median(steps_s) if steps_s else _typical_step(trial, frozen, problem.keras_backend)
        total += step_s * _cost(trial, rows) * trial.config.epochs
        shapes[frozen].add(_shape(trial.config))
    # those of `done`, too: the workers of a search are new processes
    compile_s = sum(known[frozen].compile_s * len(each) for frozen, each in shapes.items())
    measured = bool(trials) and all(known[frozen].steps_s for frozen in shapes)
    return Estimate(total, features_s, compile_s, measured, 0.0 if running else START_S)


def extraction_s(trials: Sequence[Trial], problem: Problem, cache: Path) -> float:
    """Returns the seconds in which the features that `trials` read and `cache` does not have are made.

    By the images a second of a backbone that the cache has features of, of other images too, else by its
    arithmetic.
    """
    made = map(find_rows, rows_to_make(trials, problem, cache))
    return len(problem.manifest) * sum(_image_s(each, cache, problem.feature_precision) for each in made)


def _image_s(backbone: Backbone, cache: Path, precision: str) -> float:
    if rate := measured_rate(cache, backbone.name, precision):
        return 1 / rate
    cost = known_cost(backbone)
    return cost.gflop * TYPICAL_GFLOP_S if cost else TYPICAL_EXTRACTION_S


@dataclass
class _Times:
    """Seconds of trials of one kind: the median step of each, and by shape the longest to compile it."""

    steps_s: list[float] = field(default_factory=list)
    compiles_s: dict[Hashable, float] = field(default_factory=dict)

    @property
    def compile_s(self) -> float:
        return median(self.compiles_s.values()) if self.compiles_s else TYPICAL_COMPILE_S


def _learned(done: Iterable[TrialResult], rows: dict[str, int]) -> defaultdict[bool, _Times]:
    """Returns what trials took, those on frozen features apart: a step on images says nothing of a head's."""
    known = defaultdict[bool, _Times](_Times)
    for result in done:
        if result.epochs:
            times, shape = known[not result.trial.config.trains_on_images], _shape(result.trial.config)
            # the first epoch of a new shape compiles
            seconds = median(epoch.seconds for epoch in result.epochs[1:] or result.epochs)
            times.steps_s.append(seconds / _cost(result.trial, rows))
            # the longest: the next trial of a shape finds it compiled
            rest = result.seconds - seconds * len(result.epochs)
            times.compiles_s[shape] = max(rest, times.compiles_s.get(shape, 0.0))
    return known


def warning_of_single_examples(trials: Sequence[Trial]) -> str | None:
    """Returns what to know where a head among the `trials` to come has batch size 1, else None."""
    single = [trial.config.normalises_single_examples for trial in trials]
    if not any(single):
        return None
    return (
        "batch size 1 trains nothing: with one example, BatchNorm always gives the same output, so no hidden "
        f"weight gets a gradient; {fmean(single):.0%} of the trials to come have it"
    )


def warning_of_images(trials: Sequence[Trial], done: Iterable[TrialResult], problem: Problem) -> str | None:
    """Returns what to know before `trials` with unfrozen blocks: what one takes; None without such trials."""
    unfrozen = [trial for trial in trials if trial.config.unfrozen_blocks]
    if not unfrozen:
        return None
    known = list(done)
    others = [trial for trial in trials if not trial.config.trains_on_images]
    one, other = (estimate(some, known, problem, 0) for some in (unfrozen, others))
    where = "as in this study so far" if one.measured else "on two cores without a GPU"
    beside = f", one on features about {clock_time(other.trial_s / len(others))}" if others else ""
    return (
        f"unfrozen blocks train on images, which go through the backbone in every epoch: a trial takes about "
        f"{clock_time(one.trial_s / len(unfrozen))} {where}{beside}"
    )


def _shape(config: TrialConfig) -> Hashable:
    """Returns what trials share that one compiled network serves; without dropout it has layers less."""
    return shape_of(config), config.dropout > 0


def _steps(trial: Trial, rows: dict[str, int]) -> int:
    return math.ceil(rows.get(trial.split, max(rows.values())) / trial.config.batch_size)


def _cost(trial: Trial, rows: dict[str, int]) -> float:
    """Returns what an epoch takes, in steps that change all weights."""
    return _steps(trial, rows) * trial.config.step_cost


def _typical_step(trial: Trial, frozen: bool, keras_backend: str) -> float:
    if frozen:
        return TYPICAL_STEP_S[keras_backend]
    return TYPICAL_PIXEL_S * trial.config.batch_size
