"""Costs of embeddings beside their accuracy: which backbone is worth what its features take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.statistics.number_text import decimal


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A backbone that was compared: the `mean` objective of its heads, and what its features cost.

    `rival` is whether it won or could not be told apart from the winner; `weights` are millions, `gflop` is
    of an image, `images_per_second` was measured when the features were made; None stands for what is not
    known.
    """

    name: str
    mean: float
    rival: bool
    weights: float | None = None
    gflop: float | None = None
    images_per_second: float | None = None

    @property
    def words(self) -> str:
        """What it gives and what it costs, in words."""
        costs = [
            f"{amount:.3g} {unit}"
            for amount, unit in (
                (self.weights, "million weights"),
                (self.gflop, "GFLOP an image"),
                (self.images_per_second, "images a second here"),
            )
            if amount
        ]
        return f"{self.name}: {decimal(self.mean)} for {', '.join(costs) or 'a cost that is not known'}"


def describe_costs(embeddings: Sequence[Embedding]) -> list[str]:
    """Returns a line for each embedding, and a sentence on the cheapest that is among the best.

    The sentence goes by arithmetic, and is left out where that of one among the best is not known.
    """
    lines = [each.words for each in embeddings]
    rivals = [each for each in embeddings if each.rival and not math.isnan(each.mean)]
    if len(embeddings) < 2 or not rivals or any(each.gflop is None for each in rivals):
        return lines
    cheapest, dearest = min(rivals, key=_arithmetic), max(rivals, key=_arithmetic)
    if len(rivals) == 1:
        return [*lines, f"worth its cost: {cheapest.name} alone is among the best"]
    share = _arithmetic(cheapest) / _arithmetic(dearest)
    return [
        *lines,
        f"worth its cost: {cheapest.name}, the cheapest that is not told apart from the best, takes "
        f"{share:.0%} of the arithmetic of {dearest.name}",
    ]


def _arithmetic(embedding: Embedding) -> float:
    return embedding.gflop or 0.0
