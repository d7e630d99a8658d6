"""The checkpoint of a pack: when it is kept, and that a pack goes on from it to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from trainables.training.batches import Examples
from trainables.training.packed import PackedTraining
from trainables.training.packed.checkpoint import EVERY_S, SHARE, STATE, PackCheckpoint
from trainables.trial import TrialConfig

PLAIN = TrialConfig(hidden_units=(4,), batch_size=8, epochs=6, dropout=0.3, learning_rate=0.01)


class Pack:
    """Stands in for a pack that has epochs before it; writing it takes `takes_s` on the clock."""

    goes_on = True

    def __init__(self, clock: Clock, takes_s: float) -> None:
        self.clock, self.takes_s = clock, takes_s
        self.kept_at: list[float] = []

    def save(self, path: Path, **facts: Any) -> None:
        self.kept_at.append(self.clock.now)
        self.clock.now += self.takes_s


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def kept_at(clock: Clock, pack: Any, folder: Path, epoch_s: float, until: float) -> list[float]:
    checkpoint = PackCheckpoint(folder, ["a", "b"], clock)
    while clock.now < until:
        clock.now += epoch_s
        checkpoint.keep(pack)
    return pack.kept_at


def test_pack_of_short_epochs_is_kept_once_in_half_a_minute(clock: Clock, tmp_path: Path) -> None:
    assert kept_at(clock, Pack(clock, 0.0), tmp_path, 1.0, 100.0) == [EVERY_S, 2 * EVERY_S, 3 * EVERY_S]


def test_pack_that_ends_before_is_never_kept(clock: Clock, tmp_path: Path) -> None:
    assert kept_at(clock, Pack(clock, 0.0), tmp_path, 0.01, 29.0) == []
    assert list(tmp_path.iterdir()) == []


def test_keeping_takes_a_small_share_of_the_time(clock: Clock, tmp_path: Path) -> None:
    pack = Pack(clock, 10.0)
    times = kept_at(clock, pack, tmp_path, 1.0, 10_000.0)
    assert 10.0 * len(times) <= SHARE * clock.now + 10.0


def test_pack_that_has_ended_is_not_kept(clock: Clock, tmp_path: Path) -> None:
    pack = Pack(clock, 0.0)
    pack.goes_on = False
    assert kept_at(clock, pack, tmp_path, 40.0, 100.0) == []


def test_pack_goes_on_where_it_cannot_be_kept(clock: Clock, tmp_path: Path) -> None:
    pack, checkpoint = Pack(clock, 0.0), PackCheckpoint(tmp_path / "gone", ["a", "b"], clock)
    (tmp_path / "gone").write_text("")
    clock.now = 40.0
    with pytest.warns(UserWarning, match="the pack goes on without a checkpoint: .*Not a directory"):
        checkpoint.keep(pack)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def examples() -> Examples:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40).astype(np.int8)
    inputs = (rng.normal(size=(40, 24)) + labels[:, None]).astype(np.float32)
    return Examples(inputs, labels, np.arange(29), np.arange(29, 40))


def steps(pack: PackedTraining, number: int) -> Iterator[Any]:
    return islice(pack.epochs(), number)


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="packs are trained by Keras on JAX")
def test_restored_pack_goes_on_to_the_bit(examples: Examples, tmp_path: Path) -> None:
    configs = [
        replace(PLAIN, learning_rate_schedule="reduce_on_plateau", learning_rate=0.3),
        replace(PLAIN, seed=1),
        replace(PLAIN, learning_rate=1e30),  # diverges
        replace(PLAIN, seed=2, epochs=6),  # stopped after two epochs
    ]
    unbroken, killed, other = (PackedTraining(configs, examples) for _ in range(3))
    for pack, last in ((unbroken, 6), (killed, 3)):
        for epoch, _ in enumerate(steps(pack, last), 1):
            if epoch == 2:
                pack.stop(3)
            if pack is killed and epoch == 3:
                pack.save(tmp_path / STATE, parts=[[0, 1, 2, 3]])
    other.restore(tmp_path / STATE)
    entries = list(other.epochs())
    assert [[member is None for member in each] for each in entries] == [[False, False, True, True]] * 3
    without_seconds = [
        [[replace(epoch, seconds=0.0) for epoch in member] for member in pack.finished]
        for pack in (unbroken, other)
    ]
    assert without_seconds[0] == without_seconds[1]
    assert [len(member) for member in other.finished] == [6, 6, 0, 2]
    for ours, theirs in zip(
        other.validation_probabilities(), unbroken.validation_probabilities(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.training
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="packs are trained by Keras on JAX")
def test_state_of_another_pack_is_refused(examples: Examples, tmp_path: Path) -> None:
    PackedTraining([PLAIN, replace(PLAIN, seed=1)], examples).save(tmp_path / STATE)
    with pytest.raises(ValueError, match="it is of another pack"):
        PackedTraining([PLAIN, replace(PLAIN, seed=2)], examples).restore(tmp_path / STATE)
