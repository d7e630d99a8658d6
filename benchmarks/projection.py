"""The cost model: what the report's full staged study would take, from costs measured on less."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.space.stages import STAGES
from trainables.trial import TrialConfig

IMAGES, EPOCHS = 12_194, 20  # Adience as in the report
STUDY_STAGES = ("batch_size", "lr", "neurons", "dropout")


@dataclass(frozen=True, kw_only=True)
class PlainCosts:
    """Wall seconds of the plain script: an image once (trained or validated), and a trial beyond that."""

    image_epoch_s: float
    trial_overhead_s: float


@dataclass(frozen=True, kw_only=True)
class OurCosts:
    """Wall seconds of ours.

    `head_step_s` by `shape_of`, with a step's share of the validation; `trial_overhead_s` a trial beyond
    its steps, the start included; `image_s` an image through the backbone; `extraction_overhead_s` what
    making features takes beyond that.
    """

    head_step_s: Mapping[str, float]
    trial_overhead_s: float
    image_s: float
    extraction_overhead_s: float


@dataclass(frozen=True)
class Projection:
    """Wall seconds of a study that was not run."""

    plain_s: float
    extraction_s: float
    ours_trials_s: float

    @property
    def ours_s(self) -> float:
        """Everything that ours does, the one extraction included."""
        return self.extraction_s + self.ours_trials_s

    @property
    def ratio(self) -> float:
        """How many times longer the plain script takes, the extraction included."""
        return self.plain_s / self.ours_s

    @property
    def ratio_on_cached_features(self) -> float:
        """The same where the features are there."""
        return self.plain_s / self.ours_trials_s


def study_configs() -> list[TrialConfig]:
    """Returns the 20 trials of the report's staged study, each stage from the untuned values."""
    base = TrialConfig(epochs=EPOCHS)
    return [config for name in STUDY_STAGES for config in STAGES[name].configs(base)]


def shape_of(config: TrialConfig) -> str:
    """Returns what a head's step costs depends on, in words: batch size, widths, whether dropout is on."""
    widths = "/".join(map(str, config.hidden_units))
    return f"batch {config.batch_size}, {widths}{', dropout' if config.dropout else ''}"


def shapes(configs: Sequence[TrialConfig]) -> dict[str, TrialConfig]:
    """Returns one of `configs` for every shape among them."""
    return {shape_of(config): config for config in reversed(configs)}


def steps_an_epoch(images: int, batch_size: int) -> int:
    """Returns the training steps of an epoch: 80 % of the images train."""
    return math.ceil(images * 0.8 / batch_size)


def project(configs: Sequence[TrialConfig], images: int, plain: PlainCosts, ours: OurCosts) -> Projection:
    """Returns what training `configs` on `images` would take either way, one trial after the other."""
    plain_s = sum(images * config.epochs * plain.image_epoch_s + plain.trial_overhead_s for config in configs)
    trials_s = sum(
        steps_an_epoch(images, config.batch_size) * config.epochs * ours.head_step_s[shape_of(config)]
        + ours.trial_overhead_s
        for config in configs
    )
    return Projection(plain_s, images * ours.image_s + ours.extraction_overhead_s, trials_s)
