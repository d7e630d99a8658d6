"""Training one configuration: its numbers, its end, and how it is kept and continued."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from data_prep.errors import InputError
from trainables.hyperparameters import BN_STATISTICS
from trainables.objective import OBJECTIVES
from trainables.training import network, program, training
from trainables.training.batches import Batches, Examples, readable
from trainables.training.loops import length
from trainables.training.training import CHECKPOINT, DivergedError, Training
from trainables.trial import BEST, EpochMetrics, TrialConfig

pytestmark = pytest.mark.training

CONFIG = TrialConfig(hidden_units=(8, 4), dropout=0.3, l2=1e-3, batch_size=8, epochs=2)
PLAIN = replace(CONFIG, dropout=0.0, l2=0.0)
OTHER = replace(
    CONFIG, learning_rate=0.05, dropout=0.6, l2=0.1, seed=1, batch_size=5
)  # one program with CONFIG


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Returns 29 training and 11 validation rows of six features that tell the label, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40).astype(np.int8)
    inputs = (rng.normal(size=(40, 6)) + 2 * labels[:, None]).astype(np.float32)
    rows = rng.permutation(40)
    return Examples(inputs, labels, rows[:29], rows[29:])


@pytest.fixture(scope="module")
def pixels() -> Examples:
    """Returns twelve small pictures for the convolutional network."""
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (12, 20, 20, 3), dtype=np.uint8)
    return Examples(inputs, rng.integers(0, 2, 12), np.arange(8), np.arange(8, 12))


def _numbers(epochs: list[EpochMetrics]) -> list[EpochMetrics]:
    return [replace(metrics, seconds=0) for metrics in epochs]


def _state(trained: Training) -> list[np.ndarray]:
    return [np.asarray(variable.value).copy() for variable in trained._state()]


def _trained(config: TrialConfig, examples: Examples, epochs: int | None = None) -> Training:
    started = Training(config, examples)
    for _ in zip(range(epochs or config.epochs), started.epochs(), strict=False):
        pass
    return started


def _assert_same(ours: Training, metrics: list[EpochMetrics], state: list[np.ndarray]) -> None:
    assert _numbers(ours.finished) == _numbers(metrics)
    for value, expected in zip(_state(ours), state, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_training_learns_and_reports_every_epoch(examples: Examples) -> None:
    config = replace(PLAIN, learning_rate=0.02, epochs=6)
    metrics = list(Training(config, examples).epochs())
    assert [epoch.epoch for epoch in metrics] == [1, 2, 3, 4, 5, 6]
    assert metrics[-1].loss < metrics[0].loss
    assert metrics[-1].accuracy > 0.9
    assert all(epoch.learning_rate == 0.02 and epoch.seconds > 0 for epoch in metrics)


def test_reused_network_equals_a_new_one_to_the_bit(examples: Examples) -> None:
    program.compiled.cache_clear()
    fresh = _trained(CONFIG, examples)
    metrics, state = fresh.finished, _state(fresh)
    reused = _trained(OTHER, examples)
    assert _numbers(reused.finished) != _numbers(metrics)
    _assert_same(_trained(CONFIG, examples), metrics, state)


PROGRAM = """
import json, sys, numpy as np
from dataclasses import asdict
from trainables.training.batches import Examples
from trainables.training.training import Training
from trainables.trial import TrialConfig
values = np.load(sys.argv[1])
examples = Examples(*(values[name] for name in ("inputs", "labels", "train", "validation")))
config = TrialConfig.from_dict(json.loads(sys.argv[2]))
print(json.dumps([asdict(metrics) for metrics in Training(config, examples).epochs()]))
"""


def test_new_process_gives_the_same_numbers_to_the_bit(examples: Examples, tmp_path: Path) -> None:
    _trained(OTHER, examples)
    ours = _trained(CONFIG, examples).finished
    np.savez(tmp_path / "examples.npz", **vars(examples))
    arguments = [str(tmp_path / "examples.npz"), json.dumps(CONFIG.to_dict())]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    theirs = [EpochMetrics(**values) for values in json.loads(done.stdout)]
    assert _numbers(theirs) == _numbers(ours)


def test_learning_rate_and_dropout_change_without_another_compilation(examples: Examples) -> None:
    networks = {id(Training(config, examples).network) for config in (CONFIG, OTHER)}
    assert len(networks) == 1
    assert program.compiled.cache_info().currsize <= 4


def test_schedule_sets_the_rate_of_every_epoch(examples: Examples) -> None:
    config = replace(PLAIN, learning_rate_schedule="step", learning_rate=0.1, epochs=3)
    rates = [metrics.learning_rate for metrics in Training(config, examples).epochs()]
    assert rates == pytest.approx([0.1, 0.01, 0.001])


def test_order_of_the_examples_is_a_permutation_from_seed_and_epoch(
    examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = _orders(CONFIG, examples, monkeypatch), _orders(CONFIG, examples, monkeypatch)
    other = _orders(replace(CONFIG, seed=1), examples, monkeypatch)
    assert all(sorted(order) == sorted(examples.train) for order in (*first, *other))
    assert first == again
    assert len({tuple(order) for order in (*first, *other)}) == 4


def _orders(config: TrialConfig, examples: Examples, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Returns the rows of each epoch in the order of their batches."""
    seen = []

    class Recorded(Batches):
        def __init__(self, examples: Examples, rows: np.ndarray, batch_size: int, **options: Any) -> None:
            super().__init__(examples, rows, batch_size, **options)
            if batch_size == config.batch_size:
                seen.append(rows.tolist())

    monkeypatch.setattr(training, "Batches", Recorded)
    _trained(config, examples)
    return seen


@pytest.mark.parametrize(("batch_size", "sizes"), [(8, [8, 8, 8, 5]), (1, [1] * 29), (64, [29])])
def test_batches_hold_every_row_once(examples: Examples, batch_size: int, sizes: list[int]) -> None:
    batches = Batches(examples, examples.train, batch_size)
    read = [batches[number] for number in range(len(batches))]
    assert [len(inputs) for inputs, _ in read] == sizes
    np.testing.assert_array_equal(
        np.concatenate([inputs for inputs, _ in read]), examples.inputs[examples.train]
    )
    assert {labels.shape[1:] for _, labels in read} == {(1,)}


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_training_at_batch_sizes_that_do_not_divide_the_data(examples: Examples, batch_size: int) -> None:
    steps = -(-29 // batch_size)
    trained = _trained(replace(PLAIN, batch_size=batch_size), examples)
    assert int(trained.network.optimizer.iterations.value) == 2 * steps


def test_batch_size_one_leaves_the_hidden_kernels_to_the_bit(examples: Examples) -> None:
    """BatchNorm of one example gives its offset whatever the example: no gradient reaches what lies below."""
    alone = Training(replace(PLAIN, batch_size=1), examples)
    hidden = [layer.kernel for layer in alone.network.layers[:-1] if hasattr(layer, "kernel")]
    before = [np.asarray(kernel.value).copy() for kernel in hidden]
    for _ in alone.epochs():
        pass
    for kernel, start in zip(hidden, before, strict=True):
        np.testing.assert_array_equal(np.asarray(kernel.value), start)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dropout": 0.3, "label_smoothing": 0.1},
        {"hidden_units": (), "class_weight": "balanced"},
        {"bn_statistics": "exact"},
        {"precision": "bfloat16"},
        {"optimizer": "adamw", "activation": "gelu"},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
        {"optimizer": "rmsprop"},
        {"optimizer": "lion"},
    ],
)
def test_batch_size_one_trains_to_the_same_bits_without_what_stays(
    changes: dict[str, Any], examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(PLAIN, batch_size=1, **changes)
    assert config.has_idle_weights
    ours = _trained(config, examples)
    weights = [np.asarray(variable.value).copy() for variable in ours.network.variables]
    program.compiled.cache_clear()
    monkeypatch.setattr(network, "leave_out_idle", lambda whole: None)
    whole = _trained(config, examples)
    program.compiled.cache_clear()
    assert len(ours.network.optimizer.variables) < len(whole.network.optimizer.variables)
    assert _numbers(ours.finished) == _numbers(whole.finished)
    for weight, variable in zip(weights, whole.network.variables, strict=True):
        np.testing.assert_array_equal(weight, np.asarray(variable.value))


@pytest.mark.parametrize(
    "changes", [{"batch_size": 2}, {"normalisation": "layer"}, {"l2": 1e-3}, {"weight_decay": 0.1}]
)
def test_what_else_changes_weights_leaves_none_out(changes: dict[str, Any], examples: Examples) -> None:
    config = replace(PLAIN, **{"batch_size": 1, **changes})
    started = Training(config, examples)
    kernels = [layer.kernel for layer in started.network.layers if hasattr(layer, "kernel")]
    before = [np.asarray(kernel.value).copy() for kernel in kernels]
    next(started.epochs())
    for kernel, start in zip(kernels, before, strict=True):
        assert not np.array_equal(np.asarray(kernel.value), start)


def test_inputs_may_be_a_read_only_memory_map(examples: Examples, tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", examples.inputs)
    mapped = replace(examples, inputs=np.load(tmp_path / "features.npy", mmap_mode="r"))
    ours = _trained(CONFIG, examples).finished
    assert _numbers(_trained(CONFIG, mapped).finished) == _numbers(ours)


def test_weights_of_classes_and_none_share_a_network(examples: Examples) -> None:
    weighted = replace(CONFIG, class_weight="balanced")
    program.compiled.cache_clear()
    fresh = _trained(weighted, examples)
    metrics, state = fresh.finished, _state(fresh)
    program.compiled.cache_clear()
    _trained(CONFIG, examples)
    _assert_same(_trained(weighted, examples), metrics, state)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 4},  # more than one loop an epoch
        {"batch_size": 7, "class_weight": "balanced"},
        {"batch_size": 29, "optimizer": "sgd", "bn_statistics": "exact"},  # all batches whole
        {"batch_size": 100},  # none is
    ],
)
def test_steps_in_a_loop_equal_those_of_keras(
    examples: Examples, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(length, "STEPS", 3)
    program.compiled.cache_clear()
    config = replace(CONFIG, **changes)
    on_jax = keras.backend.backend() == "jax"
    if not on_jax:
        config = replace(config, dropout=0.0)  # with dropout XLA does not compile Keras' own
    stepwise = _by_keras(config, examples)
    metrics, state = list(stepwise.epochs()), _state(stepwise)
    program.compiled.cache_clear()
    looped = _trained(config, examples)
    if on_jax:
        _assert_same(looped, metrics, state)
    for value, expected in zip(_state(looped), state, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)
    program.compiled.cache_clear()


def _by_keras(config: TrialConfig, examples: Examples) -> Training:
    """Returns a training whose steps are taken by Keras' own function."""
    stepwise = Training(config, examples)
    stepwise._program = replace(stepwise._program, feed=readable)
    stepwise.network.make_train_function(force=True)
    return stepwise


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX draws in the loop")
def test_dropout_in_a_loop_drops_what_keras_drops(
    examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(length, "STEPS", 3)
    program.compiled.cache_clear()
    stepwise = _by_keras(CONFIG, examples)
    expected = list(stepwise.epochs())
    drawn = [
        np.asarray(layer.seed_generator.state.value)
        for layer in stepwise.network.layers
        if hasattr(layer, "seed_generator")
    ]
    program.compiled.cache_clear()
    looped = _trained(CONFIG, examples)
    streams = [layer.seed_generator for layer in looped.network.layers if hasattr(layer, "seed_generator")]
    np.testing.assert_array_equal([np.asarray(stream.state.value) for stream in streams], drawn)
    for metrics, others in zip(looped.finished, expected, strict=True):
        assert metrics.loss == pytest.approx(others.loss, abs=1e-6)
        assert metrics.val_loss == pytest.approx(others.val_loss, abs=1e-6)
    program.compiled.cache_clear()


def test_a_loop_of_large_batches_is_short() -> None:
    assert [length.steps_of(rows) for rows in (1, 64, 65, 1000, 5000)] == [32, 32, 31, 2, 1]


def test_validation_probabilities_are_in_the_order_of_the_rows(examples: Examples) -> None:
    trained = _trained(PLAIN, examples)
    turned = replace(examples, validation=examples.validation[::-1])
    forward = trained.validation_probabilities()
    backward = _trained(PLAIN, turned).validation_probabilities()
    np.testing.assert_allclose(backward[::-1], forward, rtol=1e-6)
    assert (forward.shape, forward.dtype) == ((11,), np.float32)


def test_validation_figures_are_those_of_the_probabilities(examples: Examples) -> None:
    trained = _trained(CONFIG, examples)
    probabilities = trained.validation_probabilities().astype(float)
    labels, last = examples.labels[examples.validation], trained.finished[-1]
    assert last.val_accuracy == pytest.approx(np.mean((probabilities > 0.5) == labels))
    entropy = -np.mean(np.log(np.where(labels, probabilities, 1 - probabilities)))
    penalty = sum(float(loss) for loss in _penalties(trained))
    assert last.val_loss == pytest.approx(entropy + penalty, rel=1e-5)


def _penalties(trained: Training) -> Iterator[float]:
    for layer in trained.network.layers:
        if hasattr(layer, "l2"):
            yield CONFIG.l2 * np.square(np.asarray(layer.kernel.value)).sum()


@pytest.mark.parametrize(
    ("bad", "config", "message"),
    [
        (np.nan, PLAIN, r"after epoch 1 \(loss nan, validation loss .*\) at learning rate 0\.001$"),
        (0.0, replace(PLAIN, learning_rate=1e30), r"after epoch 1 .* at learning rate 1e\+30$"),
    ],
)
def test_diverging_trial_says_when_and_at_which_rate(
    examples: Examples, bad: float, config: TrialConfig, message: str
) -> None:
    inputs = examples.inputs.copy()
    inputs[examples.train[0]] += bad
    diverging = Training(config, replace(examples, inputs=inputs))
    with pytest.raises(DivergedError, match=f"^the loss is not finite {message}"):
        list(diverging.epochs())
    assert diverging.finished == []


@pytest.mark.parametrize(("part", "received"), [("train", "0 and 11"), ("validation", "29 and 0")])
def test_examples_without_rows_to_train_or_to_validate_are_refused(part: str, received: str) -> None:
    rows = {"train": np.arange(29), "validation": np.arange(29, 40), part: np.arange(0)}
    with pytest.raises(InputError, match=f"rows to validate, received {received}; use more data or another"):
        Examples(np.zeros((40, 2), np.float32), np.zeros(40, np.int8), **rows)


def test_trial_after_a_diverged_one_is_not_touched_by_it(examples: Examples) -> None:
    ours = _trained(PLAIN, examples).finished
    with pytest.raises(DivergedError):
        _trained(replace(PLAIN, learning_rate=1e30), examples)
    assert _numbers(_trained(PLAIN, examples).finished) == _numbers(ours)


def test_pixels_are_trained_by_the_convolutional_network(pixels: Examples) -> None:
    trained = _trained(replace(CONFIG, backbone="hassner", l2=0.0), pixels)
    assert len(trained.finished) == 2
    assert trained.validation_probabilities().shape == (4,)


@pytest.mark.parametrize("statistics", BN_STATISTICS)
def test_validation_images_are_read_once_an_epoch_where_a_figure_needs_them(
    pixels: Examples, statistics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, backbone="hassner", bn_statistics=statistics)
    expected = _trained(config, pixels).finished
    reads = []
    with_figure = Training(config, pixels, objective=OBJECTIVES["balanced_accuracy"])
    monkeypatch.setattr(
        with_figure,
        "_validation_batches",
        lambda: reads.append(1) or Training._validation_batches(with_figure),
    )
    for ours, plain in zip(with_figure.epochs(), expected, strict=True):
        assert ours.val_loss == pytest.approx(plain.val_loss, rel=1e-5)
        assert ours.val_accuracy == plain.val_accuracy
    with_figure.validation_probabilities()
    assert len(reads) == config.epochs


@pytest.mark.parametrize(("schedule", "last_rate"), [("constant", 0.01), ("reduce_on_plateau", 0.005)])
def test_restored_training_ends_like_an_unbroken_one(
    examples: Examples, tmp_path: Path, schedule: str, last_rate: float
) -> None:
    labels = examples.labels.copy()
    labels[examples.validation] ^= 1  # what is learned makes the validation loss worse, epoch by epoch
    misled = replace(examples, labels=labels)
    config = replace(CONFIG, epochs=4, learning_rate=0.01, learning_rate_schedule=schedule)
    unbroken = _trained(config, misled)
    metrics, state = unbroken.finished, _state(unbroken)
    _trained(config, misled, epochs=2).save(tmp_path)
    _trained(OTHER, misled)
    continued = Training(config, misled)
    assert continued.restore(tmp_path)
    assert [epoch.epoch for epoch in continued.epochs()] == [3, 4]
    _assert_same(continued, metrics, state)
    assert metrics[-1].learning_rate == last_rate


def test_restored_pixels_end_like_an_unbroken_training(pixels: Examples, tmp_path: Path) -> None:
    config = replace(CONFIG, backbone="hassner", l2=0.0)
    unbroken = _trained(config, pixels)
    metrics, state = unbroken.finished, _state(unbroken)
    _trained(config, pixels, epochs=1).save(tmp_path)
    continued = Training(config, pixels)
    continued.restore(tmp_path)
    assert len(list(continued.epochs())) == 1
    _assert_same(continued, metrics, state)


def test_restored_after_its_last_epoch_has_nothing_left(examples: Examples, tmp_path: Path) -> None:
    ended = _trained(CONFIG, examples)
    metrics, state, probabilities = ended.finished, _state(ended), ended.validation_probabilities()
    ended.save(tmp_path)
    _trained(OTHER, examples)
    again = Training(CONFIG, examples)
    assert again.restore(tmp_path)
    assert list(again.epochs()) == []
    _assert_same(again, metrics, state)
    np.testing.assert_array_equal(again.validation_probabilities(), probabilities)


def test_restore_before_the_first_save(examples: Examples, tmp_path: Path) -> None:
    assert not Training(CONFIG, examples).restore(tmp_path / "none")


def test_save_leaves_the_last_and_the_best_epoch_in_files_that_need_no_pickle(
    examples: Examples, tmp_path: Path
) -> None:
    for epochs in (1, 2):
        _trained(CONFIG, examples, epochs=epochs).save(tmp_path / "trial")
    assert sorted(path.name for path in (tmp_path / "trial").iterdir()) == [BEST, CHECKPOINT]
    with np.load(tmp_path / "trial" / CHECKPOINT, allow_pickle=False) as file:
        facts = json.loads(str(file["arr_0"]))
    assert facts["config"] == CONFIG.to_dict()
    assert len(facts["epochs"]) == 2


def _flip_a_byte(content: bytes) -> bytes:
    place = content.index(b"\x93NUMPY", len(content) // 2) + 128  # the first byte of an array's values
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


def _array_alone(content: bytes) -> bytes:
    start = content.index(b"\x93NUMPY")
    return content[start : start + 4096]


@pytest.mark.parametrize(
    "damage",
    [
        _flip_a_byte,
        lambda content: content[:-100],
        lambda content: b"",
        lambda content: b"text",
        _array_alone,
    ],
    ids=["byte", "truncated", "empty", "text", "array"],
)
def test_restore_of_a_damaged_checkpoint_starts_anew(examples: Examples, tmp_path: Path, damage) -> None:
    ours = _trained(CONFIG, examples).finished
    _trained(CONFIG, examples, epochs=1).save(tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    started = Training(CONFIG, examples)
    with pytest.warns(UserWarning, match=r"starts anew, without its checkpoint .*state\.npz: "):
        assert not started.restore(tmp_path)
    assert _numbers(list(started.epochs())) == _numbers(ours)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (OTHER, "it is of another trial, .*'learning_rate': 0.05"),
        (replace(CONFIG, epochs=3), "it is of another trial"),
    ],
)
def test_restore_of_another_configuration_starts_anew(
    examples: Examples, tmp_path: Path, other: TrialConfig, reason: str
) -> None:
    _trained(other, examples, epochs=1).save(tmp_path)
    started = Training(CONFIG, examples)
    with pytest.warns(UserWarning, match=reason):
        assert not started.restore(tmp_path)
    assert started.finished == []


def test_restore_of_another_input_size_starts_anew(examples: Examples, tmp_path: Path) -> None:
    _trained(CONFIG, examples, epochs=1).save(tmp_path)
    wider = replace(examples, inputs=np.hstack([examples.inputs, examples.inputs]))
    with pytest.warns(UserWarning, match="its weights are those of another network"):
        assert not Training(CONFIG, wider).restore(tmp_path)


def test_inherited_state_is_the_other_trials_with_rates_of_its_own(
    examples: Examples, tmp_path: Path
) -> None:
    donor = _trained(OTHER, examples, epochs=1)
    metrics, state = donor.finished, _state(donor)
    donor.save(tmp_path)
    heir = Training(CONFIG, examples)
    heir.inherit(tmp_path)
    assert heir.finished == metrics
    names = [variable.name for variable in heir._state()]
    for name, value, expected in zip(names, _state(heir), state, strict=True):
        own = {"rate": CONFIG.dropout, "l2": CONFIG.l2}.get(name, expected)
        np.testing.assert_array_equal(value, np.asarray(own, value.dtype))
    assert [epoch.learning_rate for epoch in heir.epochs()] == [CONFIG.learning_rate]


def test_inherit_where_nothing_was_saved(examples: Examples, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Training(CONFIG, examples).inherit(tmp_path / "none")


FULL_SIZE = """
import os, pathlib, sys
from trainables.process_setup import import_keras, prepare_process
prepare_process(os.environ["KERAS_BACKEND"], 2)  # as a worker does
import_keras()
import numpy as np
from trainables.training.batches import Examples
from trainables.training.training import Training
from trainables.trial import TrialConfig
inputs = np.load(sys.argv[1], mmap_mode="r")
rows = np.random.default_rng(0).permutation(len(inputs))
labels = (rows % 2).astype(np.int8)
config = TrialConfig(batch_size=64, dropout=float(sys.argv[2]), epochs=1)
trained = Training(config, Examples(inputs, labels, rows[:9755], rows[9755:]))
list(trained.epochs())
trained.validation_probabilities()
status = pathlib.Path("/proc/self/status").read_text()  # getrusage's peak is inherited from pytest's process
print(1024 * int(status.partition("VmHWM:")[2].split()[0]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_memory_of_a_trial_on_features_of_adience(tmp_path: Path, dropout: float) -> None:
    path = tmp_path / "features.npy"
    np.save(path, np.random.default_rng(0).random((12_194, 2048), np.float32))
    done = subprocess.run(
        [sys.executable, "-c", FULL_SIZE, str(path), str(dropout)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    assert int(done.stdout) < 1.5e9
