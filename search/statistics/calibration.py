"""Calibration of stated probabilities by a temperature, fitted on validation rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.statistics.classification_errors import calibration_error
from search.statistics.number_text import decimal
from trainables.answers import of_every_class
from trainables.objective import EPSILON, cross_entropy

PARTS = 5
FEWEST_GROUPS = 20  # a temperature of fewer would be luck
_COLDEST, _HOTTEST = 0.05, 20.0
_SEED = 7

_Probabilities = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The temperature by which a model's logits are divided, fitted on so many validation `images`.

    `loss` is the cross-entropy and `error` the expected calibration error, each before and after, on images
    whose groups the temperature was not fitted on. A temperature of 1 changes nothing.
    """

    temperature: float
    images: int
    loss_before: float
    loss_after: float
    error_before: float
    error_after: float

    @property
    def statement(self) -> str:
        """What was done to the probabilities, in one sentence."""
        if self.temperature == 1:
            return (
                f"the probabilities are as the network gives them (log loss {decimal(self.loss_before)}, "
                f"calibration error {decimal(self.error_before)} on {self.images:,} validation images, "
                "which no temperature lowers)"
            )
        return (
            f"the probabilities are calibrated by a temperature of {self.temperature:.3g}, fitted on "
            f"{self.images:,} validation images: log loss {decimal(self.loss_before)} before, "
            f"{decimal(self.loss_after)} after; calibration error {decimal(self.error_before)} before, "
            f"{decimal(self.error_after)} after"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the values as JSON has them, and the sentence."""
        return {**asdict(self), "statement": self.statement}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Returns what `to_dict` gave; raises KeyError or TypeError on anything else."""
        return cls(
            **{name: float(values[name]) for name in cls.__annotations__} | {"images": values["images"]}
        )


def calibrate(labels: ArrayLike, probabilities: ArrayLike, groups: ArrayLike) -> Calibration:
    """Returns the calibration of `probabilities`, of label 1 `(n,)` or of every label `(n, classes)`.

    The temperature minimises the cross-entropy (Guo et al. 2017, On Calibration of Modern Neural Networks).
    What it is worth is told by five cuts, which keep `groups` `(n,)` together: each part is read with the
    temperature of the others. Where that lowers no loss, and of few groups, it is 1.
    """
    truth, given = np.asarray(labels, np.int64), np.asarray(probabilities, np.float64)
    read = np.array(given)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(codes.max()) + 1
    part_of = np.random.default_rng(_SEED).permutation(count) % PARTS  # not drawn: parts of equal size
    for part in range(PARTS) if count >= FEWEST_GROUPS else ():
        inside = part_of[codes] == part
        read[inside] = tempered(given[inside], temperature_of(truth[~inside], given[~inside]))
    before, after = cross_entropy(truth, given), cross_entropy(truth, read)
    helps = after < before
    return Calibration(
        temperature=temperature_of(truth, given) if helps else 1.0,
        images=len(truth),
        loss_before=before,
        loss_after=after if helps else before,
        error_before=calibration_error(truth, given),
        error_after=calibration_error(truth, read if helps else given),
    )


def temperature_of(labels: NDArray[np.int64], probabilities: _Probabilities) -> float:
    """Returns the temperature with the smallest cross-entropy."""
    from scipy.optimize import minimize_scalar  # slow: completion does without

    found = minimize_scalar(
        # in the logarithm half as warm and twice as warm are equally far from 1
        lambda logarithm: cross_entropy(labels, tempered(probabilities, math.exp(logarithm))),
        bounds=(math.log(_COLDEST), math.log(_HOTTEST)),
        method="bounded",
    )
    return math.exp(float(found.x))


def tempered(probabilities: _Probabilities, temperature: float) -> _Probabilities:
    """Returns the probabilities of logits that are divided by `temperature`, in the shape they came in."""
    from scipy.special import softmax

    logits = np.log(np.clip(of_every_class(probabilities), EPSILON, 1))  # log(0) is infinite
    found: _Probabilities = softmax(logits / temperature, axis=1)
    return found[:, 1] if probabilities.ndim == 1 else found
