"""Estimate of how long a stage takes: from the trials that this study finished, else typical figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from data_prep.splits import Split
from search.study.descriptions import clock_time
from search.study.setup import Problem
from trainables.trial import Trial, TrialResult

# Two cores, no GPU: a head step by backend, an image through ResNet50V2, an image trained by hassner.
TYPICAL_STEP_S = {"jax": 0.008, "tensorflow": 0.016}
TYPICAL_EXTRACTION_S = 0.04
TYPICAL_PIXEL_S = 0.05
START_S = 12.0  # Ray, the worker's imports and the first compilation


@dataclass(frozen=True)
class Estimate:
    """Seconds of the trials and of the features before them; `measured` where they come from this study."""

    trial_s: float
    feature_s: float
    measured: bool

    @property
    def total_s(self) -> float:
        """Everything, with the start."""
        return self.trial_s + self.feature_s + (START_S if self.trial_s else 0)


def estimate(
    trials: Sequence[Trial],
    done: Iterable[TrialResult],
    problem: Problem,
    images_to_extract: int,
    other_splits: Sequence[Split] = (),
) -> Estimate:
    """Returns the estimate for training `trials` one after the other.

    `other_splits` are those of trials on other data than the problem's.
    """
    rows = {split.name: len(split.train) for split in (*problem.splits, *other_splits)}
    # apart: a step on images says nothing of a head's
    steps_s = {True: [], False: []}  # type: dict[bool, list[float]]
    for result in done:
        if result.epochs:
            # not the mean: the first epoch of a new shape compiles, 1.5 to 3 s more
            seconds = median(epoch.seconds for epoch in result.epochs)
            frozen = not result.trial.config.trains_on_images
            steps_s[frozen].append(seconds / _steps(result.trial, rows))
    total = 0.0
    measured = bool(trials)
    for trial in trials:
        frozen = not trial.config.trains_on_images
        known = steps_s[frozen]
        measured = measured and bool(known)
        step_s = median(known) if known else _typical_step(trial, frozen, problem.keras_backend)
        total += step_s * _steps(trial, rows) * trial.config.epochs
    return Estimate(total, images_to_extract * TYPICAL_EXTRACTION_S, measured)


def warning_of_single_examples(trials: Sequence[Trial], problem: Problem) -> str | None:
    """Returns what to know before `trials` are trained where a head among them has batch size 1, else None.

    Its share is counted in steps of the optimizer, as a step's time hardly depends on a small batch.
    """
    rows = {split.name: len(split.train) for split in problem.splits}
    steps = [_steps(trial, rows) * trial.config.epochs for trial in trials]
    single = [trial.config.batch_size == 1 and not trial.config.trains_on_images for trial in trials]
    if not any(single):
        return None
    share = sum(count for count, alone in zip(steps, single, strict=True) if alone) / sum(steps)
    return (
        "batch size 1 trains nothing: with one example, BatchNorm always gives the same output, so no hidden "
        f"weight gets a gradient; it takes {share:.0%} of the optimizer steps that this plan trains"
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


def _steps(trial: Trial, rows: dict[str, int]) -> int:
    return math.ceil(rows.get(trial.split, max(rows.values())) / trial.config.batch_size)


def _typical_step(trial: Trial, frozen: bool, keras_backend: str) -> float:
    if frozen:
        return TYPICAL_STEP_S[keras_backend]
    return TYPICAL_PIXEL_S * trial.config.batch_size
