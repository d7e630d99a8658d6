"""When the trials of one search end early."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.tune.schedulers import TrialScheduler

    from search.study.holding.shared_work import SharedWork


@dataclass(frozen=True)
class Policy:
    """When trials end early: Ray's scheduler (None for none) and the moment (monotonic) that ends all."""

    scheduler: TrialScheduler | None = None
    deadline: float = math.inf
    at_a_time: int | None = None  # trials at most, where memory ran out with more
    pausing: bool = False  # whether the scheduler pauses trials, which then continue from checkpoints
    sharing: SharedWork | None = None  # this driver's part in a study that others may run, too
    shares: bool = False  # whether each trial is claimed first

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    def seconds_left(self) -> float | None:
        """Returns the seconds until the deadline, at least a tenth; None where there is none."""
        return None if math.isinf(self.deadline) else max(0.1, self.deadline - time.monotonic())


def deadline_after(seconds: float | None) -> float:
    """Returns the moment (monotonic) so many seconds from now; never where there is no limit."""
    return math.inf if seconds is None else time.monotonic() + seconds
