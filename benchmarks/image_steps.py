"""Steps of a network that trains on images, and how long each waits for its batch."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.features.inputs import find_rows, rows_read_by
from trainables.trial import TrialConfig

_WARM_STEPS = 2  # compile


@dataclass(frozen=True)
class Steps:
    """Timed steps: seconds of wall time in all, and of it spent waiting for data."""

    steps: int
    images: int
    total_s: float
    waiting_s: float

    @property
    def waiting_share(self) -> float:
        """Of the wall time."""
        return self.waiting_s / self.total_s


def time_steps(config: TrialConfig, steps: int) -> Steps:
    """Trains on random pictures, memory-mapped as in the cache, and times the steps after the first ones."""
    from trainables.training.augmentation import Augmentation
    from trainables.training.batches import Batches, Examples, readable
    from trainables.training.training import Training

    side, count = find_rows(rows_read_by(config)).input_px, config.batch_size * (steps + _WARM_STEPS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixels.npy"
        np.save(path, np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8))
        rows = np.arange(count)
        examples = Examples(np.load(path, mmap_mode="r"), rows % 2, rows, rows[:1])
        training = Training(config, examples)
        drawn = Augmentation.draw(config.augment, count, side, config.seed, 1)
        batches = iter(readable(Batches(examples, rows, config.batch_size, drawn)))
        for _ in range(_WARM_STEPS):
            training.network.train_on_batch(*next(batches))
        waiting_s, started = 0.0, time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = next(batches)
            waiting_s += time.perf_counter() - asked
            training.network.train_on_batch(*batch)
        return Steps(steps, steps * config.batch_size, time.perf_counter() - started, waiting_s)
