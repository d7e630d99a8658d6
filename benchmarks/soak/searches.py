"""Searches that are struck: their commands, and where their studies lie."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.soak.places import Bucket, OneMachine, TwoNodes

_TWO_RATES = ("--values", "lr=0.01,0.001")
_JOINT = ("--mode", "joint", *_TWO_RATES, "--values", "dropout=0,0.2")
_SMALL = (
    *("--data", "faces.parquet", "--backbone", "keras:MobileNetV2", "--input-px", "32"),
    *("--hidden-units", "8", "--batch-size", "8"),
)
_PLAIN = ("--no-tensorboard", "--wandb", "disabled", "--wait-for-storage", "5m")


@dataclass(frozen=True)
class Search:
    """A search by what it is told, and the place that its studies need.

    Its numbers are those of a calm one up to `tolerance`: how many heads a pack has rounds them otherwise.
    """

    options: Sequence[str]
    place: type[OneMachine] = OneMachine
    tolerance: float = 0.0

    def command(self, study: str, place: OneMachine, epochs: int) -> Sequence[str]:
        """Returns the command of a search whose study has that name; each has a cache of its own."""
        return (
            *(sys.executable, "-m", "search.run", *self.options, *_SMALL, *_PLAIN, *place.words()),
            *("--epochs", str(epochs), "--study", study, "--cache", f"cache/{study}"),
        )


SEARCHES: Mapping[str, Search] = {
    "staged": Search(("--stage", "lr")),
    "joint": Search(_JOINT),
    "packs": Search((*_JOINT, "--pack", "2"), tolerance=1e-5),
    "folds": Search(("--stage", "lr", *_TWO_RATES, "--split", "folds", "--final")),
    "fine-tuning": Search(("--stage", "all", "--order", "lr", *_TWO_RATES, "--celeba", "celeba.parquet")),
    "bucket": Search(("--stage", "lr"), Bucket),
    "two nodes": Search(("--stage", "lr"), TwoNodes),
}
