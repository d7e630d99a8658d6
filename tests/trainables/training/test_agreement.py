"""The same configurations on TensorFlow and on JAX: what agrees, and to what.

Initial weights and the order of the examples are drawn with numpy, so they are equal to the bit. Without
dropout losses then differ by rounding only: by less than TOLERANCE in five epochs. Dropout masks come from
each backend's own generator, so with dropout only the mean over seeds is near.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.trial import TrialConfig

pytestmark = [pytest.mark.training, pytest.mark.slow]

TOLERANCE = 1e-5  # of a loss; measured: 2e-7
MEAN_TOLERANCE = 0.1  # of the mean loss of the eight seeds of DROPPED; measured: 0.043
BACKENDS = ("tensorflow", "jax")
PLAIN = TrialConfig(hidden_units=(16, 8), batch_size=16, epochs=5)
EXACT = (
    PLAIN,
    replace(PLAIN, seed=8, learning_rate=0.01, l2=1e-3),
    replace(PLAIN, learning_rate_schedule="cosine", batch_size=64),
    replace(PLAIN, bn_statistics="exact"),
)
DROPPED = tuple(replace(PLAIN, dropout=0.3, seed=seed) for seed in range(8))

TRAINED = """
import json, sys
import numpy as np
from trainables.training.batches import Examples
from trainables.training.training import Training
from trainables.trial import TrialConfig
rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 250).astype(np.int8)
inputs = (rng.normal(size=(250, 32)) + 0.3 * labels[:, None]).astype(np.float32)
rows = rng.permutation(250)
examples = Examples(inputs, labels, rows[:200], rows[200:])
told = []
for values in json.load(sys.stdin):
    training = Training(TrialConfig.from_dict(values), examples)
    weights = training.network.trainable_variables
    start = [float(np.abs(np.asarray(weight.value)).sum()) for weight in weights]
    epochs = [[e.loss, e.val_loss, e.train_accuracy_at_inference] for e in training.epochs()]
    told.append({"start": start, "epochs": epochs})
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def trained() -> Mapping[str, list[dict[str, Any]]]:
    """Returns by backend what came of EXACT and DROPPED, in that order, each in a process of its own."""
    pytest.importorskip("jax", reason="there is nothing to agree with")
    configs = json.dumps([config.to_dict() for config in (*EXACT, *DROPPED)])
    found = {}
    for backend in BACKENDS:
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [sys.executable, "-c", TRAINED],
            input=configs,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=Path(__file__).parents[3],
        )
        assert done.returncode == 0, done.stderr
        found[backend] = json.loads(done.stdout)
    return found


def losses(trial: Mapping[str, Any]) -> np.ndarray:
    """Returns loss and validation loss of each epoch, `(epochs, 2)`."""
    return np.array(trial["epochs"])[:, :2]


def test_backends_start_from_the_same_weights_to_the_bit(trained: Mapping[str, list[dict[str, Any]]]) -> None:
    ours, theirs = (trained[backend] for backend in BACKENDS)
    assert [trial["start"] for trial in ours] == [trial["start"] for trial in theirs]


@pytest.mark.parametrize("number", range(len(EXACT)))
def test_backends_agree_without_dropout(trained: Mapping[str, list[dict[str, Any]]], number: int) -> None:
    ours, theirs = (trained[backend][number] for backend in BACKENDS)
    np.testing.assert_allclose(losses(ours), losses(theirs), rtol=0, atol=TOLERANCE)
    assert losses(ours)[0, 0] != losses(ours)[-1, 0]


def test_backends_agree_in_the_mean_with_dropout(trained: Mapping[str, list[dict[str, Any]]]) -> None:
    ours, theirs = (
        np.mean([losses(trial) for trial in trained[backend][len(EXACT) :]], axis=0) for backend in BACKENDS
    )
    assert np.abs(ours - theirs).max() > TOLERANCE
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=MEAN_TOLERANCE)
