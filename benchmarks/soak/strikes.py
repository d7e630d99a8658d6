"""Strikes: what is struck, how, and at which moment of a search."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass

STARTING, WRITING, AWAY, ANY = (
    "as Ray starts",
    "as a file is written",
    "as the storage is away",
    "at any time",
)
# the last as often as the three others together
_MOMENTS = (STARTING, WRITING, AWAY, ANY, ANY, ANY)
_STARTS_S = 5.0  # that Ray takes to start
SEARCH, SECOND_NODE = "the search", "the raylet of the second node"
STORAGE, CACHE = "its storage", "its cache"
EXTRACTION = "trainables.features"

Target = tuple[str, signal.Signals | None]
_SIGNALS: Sequence[Target] = (
    (SEARCH, signal.SIGINT),
    (SEARCH, signal.SIGTERM),
    (SEARCH, signal.SIGKILL),
    ("ImplicitFunc", signal.SIGKILL),  # a worker with a trial
    ("gcs_server", signal.SIGKILL),
    (STORAGE, None),
    (CACHE, None),
)
ON_ONE_MACHINE: Sequence[Target] = (
    *_SIGNALS,
    ("raylet/raylet", signal.SIGKILL),
    (EXTRACTION, signal.SIGKILL),
)
ON_TWO_NODES: Sequence[Target] = (
    *_SIGNALS,
    (SECOND_NODE, signal.SIGKILL),
    ("ray::Extractor", signal.SIGKILL),  # a worker that makes features
)


@dataclass(frozen=True)
class Strike:
    """What is struck, by which signal (None: it goes away), at which moment, so many s later."""

    target: str
    sent: signal.Signals | None
    moment: str
    after_s: float

    @classmethod
    def draw(cls, rng: random.Random, targets: Sequence[Target], calm_s: float) -> Strike:
        """Returns a strike on a search that takes `calm_s` when nobody strikes it."""
        (target, sent), moment = rng.choice(targets), rng.choice(_MOMENTS)
        after_s = {STARTING: rng.uniform(0, _STARTS_S), WRITING: 0.0}.get(moment, rng.uniform(0, calm_s))
        return cls(target, sent, moment, after_s)

    def __str__(self) -> str:
        what = f"{self.sent.name} to {self.target}" if self.sent else f"{self.target} goes away"
        return f"{what} {self.moment}" + (f", {self.after_s:.1f} s" if self.after_s else "")
