"""Packs of configurations: each member equals its own training, whatever becomes of its neighbours."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import keras
import numpy as np
import pytest

from data_prep.errors import InputError
from trainables.hyperparameters import EXACT
from trainables.training.batches import Examples
from trainables.training.packed import PackedTraining, group_by_shape, pack_size
from trainables.training.training import DivergedError, Training
from trainables.trial import EpochMetrics, TrialConfig

pytestmark = pytest.mark.training

PLAIN = TrialConfig(hidden_units=(4,), batch_size=8, epochs=3)
RICH = replace(PLAIN, hidden_units=(8, 4), dropout=0.3, l2=1e-3, epochs=4)

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="packs are trained by Keras on JAX")


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Returns 29 training and 11 validation rows of 24 features that tell the label, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40).astype(np.int8)
    inputs = (rng.normal(size=(40, 24)) + labels[:, None]).astype(np.float32)
    rows = rng.permutation(40)
    return Examples(inputs, labels, rows[:29], rows[29:])


def _trained(configs: Sequence[TrialConfig], examples: Examples) -> PackedTraining:
    pack = PackedTraining(configs, examples)
    for _ in pack.epochs():
        pass
    return pack


def _assert_close(ours: Sequence[EpochMetrics], theirs: Sequence[EpochMetrics]) -> None:
    for metrics, expected in zip(ours, theirs, strict=True):
        assert metrics.loss == pytest.approx(expected.loss, abs=1e-5)
        assert metrics.val_loss == pytest.approx(expected.val_loss, abs=1e-5)
        assert (metrics.epoch, metrics.accuracy, metrics.val_accuracy, metrics.learning_rate) == (
            expected.epoch,
            expected.accuracy,
            expected.val_accuracy,
            pytest.approx(expected.learning_rate, rel=1e-12),
        )
        assert (metrics.train_accuracy_at_inference, metrics.val_one_class) == (
            expected.train_accuracy_at_inference,
            expected.val_one_class,
        )


@on_jax
@pytest.mark.parametrize(
    "configs",
    [
        [replace(PLAIN, learning_rate=0.01)],
        [PLAIN, replace(PLAIN, seed=1)],
        [replace(PLAIN, batch_size=1), replace(PLAIN, batch_size=1, learning_rate=0.01)],
        [
            replace(RICH, learning_rate=0.02),
            replace(RICH, seed=1, learning_rate_schedule="cosine"),
            replace(RICH, dropout=0.6, learning_rate_schedule="step"),
            replace(RICH, l2=0.1, seed=2),
            replace(RICH, learning_rate=0.0625, learning_rate_schedule="reduce_on_plateau", seed=4),
        ],
        [replace(PLAIN, dropout=rate, seed=seed) for rate, seed in ((0.0, 1), (0.5, 2), (0.0, 3))],
        [replace(PLAIN, batch_size=64), replace(PLAIN, batch_size=64, seed=1)],
        [replace(PLAIN, batch_size=29), replace(PLAIN, batch_size=29, seed=1)],
        [replace(RICH, bn_statistics=EXACT, seed=seed, dropout=0.3 * seed) for seed in range(3)],
        [replace(PLAIN, bn_momentum=0.8)],
    ],
    ids=[
        "one",
        "seeds",
        "batch of one",
        "five",
        "with and without dropout",
        "batch above all",
        "whole batches",
        "exact statistics",
        "another momentum",
    ],
)
def test_member_equals_its_own_training(examples: Examples, configs: list[TrialConfig]) -> None:
    pack = _trained(configs, examples)
    for config, finished, ours in zip(configs, pack.finished, pack.validation_probabilities(), strict=True):
        alone = Training(config, examples)
        _assert_close(finished, list(alone.epochs()))
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, alone.validation_probabilities(), atol=1e-5)
    for config, finished in zip(configs, pack.finished, strict=True):
        if config.learning_rate_schedule == "reduce_on_plateau":
            assert finished[-1].learning_rate < config.learning_rate
    assert len({metrics[0].loss for metrics in pack.finished}) == len(configs)


@on_jax
def test_diverging_member_ends_with_its_reason_and_leaves_its_neighbours(examples: Examples) -> None:
    configs = [PLAIN, replace(PLAIN, learning_rate=1e30)]
    pack = PackedTraining(configs, examples)
    entries = [epoch[1] for epoch in pack.epochs()]
    with pytest.raises(DivergedError) as alone:
        list(Training(configs[1], examples).epochs())
    assert isinstance(entries[0], DivergedError)
    assert str(entries[0]).split("(")[0] == str(alone.value).split("(")[0]
    assert entries[1:] == [None, None]
    assert pack.finished[1] == []
    assert pack.validation_probabilities()[1] is None
    _assert_close(pack.finished[0], list(Training(configs[0], examples).epochs()))


@on_jax
def test_epochs_end_when_every_member_has_diverged(examples: Examples) -> None:
    inputs = np.where(np.arange(40)[:, None] == examples.train[0], np.nan, examples.inputs)
    pack = PackedTraining([PLAIN, replace(PLAIN, seed=1)], replace(examples, inputs=inputs))
    (entries,) = pack.epochs()
    assert all(isinstance(entry, DivergedError) for entry in entries)
    assert all("the loss is not finite after epoch 1 (loss nan" in str(entry) for entry in entries)


@on_jax
@pytest.mark.parametrize(("stopped", "slots"), [([0, 4], 5), ([0, 2, 4], 2)], ids=["masked", "compacted"])
def test_stopped_members_leave_the_others_as_they_are(
    examples: Examples, stopped: list[int], slots: int
) -> None:
    configs = [replace(RICH, seed=seed, learning_rate_schedule="cosine", epochs=3) for seed in range(5)]
    pack = PackedTraining(configs, examples)
    seen = []
    for entries in pack.epochs():
        seen.append([entry is not None for entry in entries])
        for member in stopped:
            pack.stop(member)
    going_on = [member not in stopped for member in range(5)]
    assert seen == [[True] * 5, going_on, going_on]
    assert len(pack._slots) == slots
    for member, (config, ours) in enumerate(zip(configs, pack.validation_probabilities(), strict=True)):
        alone = Training(config, examples)
        _assert_close(pack.finished[member], list(islice(alone.epochs(), 1 if member in stopped else 3)))
        np.testing.assert_allclose(ours, alone.validation_probabilities(), atol=1e-5)


@on_jax
def test_pack_ends_when_every_member_is_stopped(examples: Examples) -> None:
    pack = PackedTraining([PLAIN, replace(PLAIN, seed=1)], examples)
    for _ in pack.epochs():
        pack.stop(0)
        pack.stop(1)
        pack.stop(1)
    assert [len(finished) for finished in pack.finished] == [1, 1]
    with pytest.raises(IndexError, match=r"^the members are 0 to 1, received 2$"):
        pack.stop(2)


@on_jax
def test_packs_of_one_shape_share_a_compiled_program(examples: Examples) -> None:
    first = _trained([RICH, replace(RICH, seed=1)], examples)
    compiled = first._program.run_epoch._cache_size()
    again = _trained([replace(RICH, dropout=0.5, l2=0.1), replace(RICH, learning_rate=0.1)], examples)
    assert again._program is first._program
    assert again._program.run_epoch._cache_size() == compiled


@on_jax
def test_pack_of_unequal_shapes_or_of_pixels_is_refused(examples: Examples) -> None:
    for configs in ([], [PLAIN, RICH]):
        with pytest.raises(
            ValueError, match=r"^a pack is one or more configurations of one shape, received "
        ):
            PackedTraining(configs, examples)
    pixels = replace(examples, inputs=np.zeros((40, 6, 6, 3), np.uint8))
    with pytest.raises(ValueError, match=r"reads features \(n, features\), received \(40, 6, 6, 3\)$"):
        PackedTraining([PLAIN], pixels)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="the backend that packs need")
def test_pack_on_another_backend_names_the_one_it_needs(examples: Examples) -> None:
    with pytest.raises(InputError, match=r"needs the JAX backend of Keras .* this process runs tensorflow$"):
        PackedTraining([PLAIN], examples)


def test_groups_keep_the_order_and_share_what_is_compiled() -> None:
    varied = replace(PLAIN, learning_rate=0.1, learning_rate_schedule="step", seed=3)
    others = [
        replace(PLAIN, batch_size=4),
        replace(PLAIN, hidden_units=(4, 4)),
        replace(PLAIN, backbone="inception_v3"),
        replace(PLAIN, epochs=4),
        replace(PLAIN, l2=0.1),
        replace(PLAIN, bn_statistics=EXACT),
        replace(PLAIN, bn_momentum=0.9),
    ]
    dropped = replace(PLAIN, dropout=0.5)
    groups = group_by_shape([PLAIN, *others, varied, dropped, replace(PLAIN, l2=0.5)])
    assert groups[0] == (PLAIN, varied, dropped)
    assert groups[5] == (others[4], replace(PLAIN, l2=0.5))
    assert [group[0] for group in groups[1:]] == others
    assert group_by_shape([]) == ()


def test_pack_size_is_that_of_the_memory_and_at_least_one() -> None:
    """The report's head has 2.76 million parameters: 55 MB with gradients and the like, and activations."""
    report = TrialConfig()
    assert pack_size(report, 2048, 1e6) == 1
    assert 12 <= pack_size(report, 2048, 1e9) <= 16
    assert pack_size(report, 2048, 2e10) == pytest.approx(20 * pack_size(report, 2048, 1e9), rel=0.06)
    for larger in (replace(report, batch_size=1024), replace(report, bn_statistics=EXACT)):
        assert pack_size(larger, 2048, 1e9) < pack_size(report, 2048, 1e9)


@pytest.mark.parametrize(
    ("heads", "changes", "rows", "peak_mib"),
    [
        (16, {}, 2_000, 923),
        (64, {}, 12_194, 4_021),
        (64, {"batch_size": 256, "bn_statistics": EXACT}, 12_194, 4_024),
        (64, {"hidden_units": ()}, 2_000, 168),
        (256, {"hidden_units": (8, 4), "bn_statistics": EXACT}, 2_000, 1_269),
    ],
)
def test_pack_size_is_no_larger_than_what_had_room_on_an_h200(
    heads: int, changes: dict[str, Any], rows: int, peak_mib: int
) -> None:
    config = TrialConfig(dropout=0.3, **changes)
    assert pack_size(config, 2048, peak_mib * 2**20, rows=rows) <= heads


def test_driver_groups_and_sizes_packs_without_keras() -> None:
    program = (
        "import sys, trainables.training.packed; print({'keras', 'jax', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
