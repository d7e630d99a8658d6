"""Worth of a random split: how much of an accuracy is groups with images on both sides of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from search.statistics.number_text import decimal


@dataclass(frozen=True, kw_only=True)
class SplitWorth:
    """A winner on the random split, and trained once more with groups apart; accuracies after `epochs`.

    `config` is the winner's, `trials` are the ledger's keys of the two runs, which share a seed. `accuracy`
    is on the random split, `apart` on as large a share of rows whose groups nobody trained on, with its
    95 % `interval` over those `groups`. `noun` is what several groups are called; `known` is whether they
    are the data's own, and not groups of near-equal pictures in their place.
    """

    config: Mapping[str, Any]
    epochs: int | None = None  # None: all of the winner's, as of files from before
    trials: tuple[str, str]
    accuracy: float
    apart: float
    interval: tuple[float, float]
    groups: int  # of those that validate
    noun: str
    known: bool = True

    @property
    def points(self) -> float:
        """The percentage points of `accuracy` that go with the groups."""
        return 100 * (self.accuracy - self.apart)

    @property
    def is_told(self) -> bool:
        """Whether the difference is more than the luck of which groups validate."""
        return self.accuracy > self.interval[1]

    @property
    def statement(self) -> str:
        """What the split is worth, in one sentence."""
        unseen = f"{self.noun} not seen in training" if self.known else f"pictures with no {self.noun} there"
        low, high = (decimal(end, 3) for end in self.interval)
        figures = (
            f"{decimal(self.accuracy, 3)} on the random split; {decimal(self.apart, 3)} on {unseen} (95 % "
            f"interval {low} to {high} over {self.groups:,} {self.noun if self.known else 'pictures'})"
        )
        if self.epochs not in (None, self.config["epochs"]):
            figures += f", each after {self.epochs} of {self.config['epochs']} epochs"
        sides = f"{self.noun} on both sides"
        if self.is_told:
            return f"{figures}: {decimal(self.points, 1)} points of it are {sides}"
        return f"{figures}: no difference that could be told from chance, so {sides} explain little of it"

    def to_dict(self) -> dict[str, Any]:
        """Returns the values as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SplitWorth:
        """Returns what `to_dict` gave; raises KeyError, TypeError or ValueError on anything else."""
        (low, high), (random, apart) = values["interval"], values["trials"]
        return cls(**{**values, "interval": (low, high), "trials": (random, apart)})
