"""Compiled programs that are read back: one process compiles, another reads, and both compute the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.training

# 96 rows are whole batches of 32, 90 have a smaller last one
PROGRAM = """
import sys
from pathlib import Path
from trainables.process_setup import import_keras, keep_compiled, prepare_process
keep_compiled(Path(sys.argv[1]))
prepare_process("jax", 2)
import_keras()
import numpy as np
from trainables.training.batches import Examples
from trainables.training.training import Training
from trainables.trial import TrialConfig
rng = np.random.default_rng(0)
inputs, labels = rng.normal(size=(128, 64)).astype(np.float32), rng.integers(0, 2, 128).astype(np.int16)
for rows in (96, 90):
    examples = Examples(inputs, labels, np.arange(rows), np.arange(96, 128), 2)
    training = Training(TrialConfig(epochs=2, hidden_units=(64, 32, 16)), examples)
    for metrics in training.epochs():
        print(metrics.loss, metrics.val_loss, metrics.train_accuracy_at_inference)
"""


def test_programs_that_are_read_back_compute_the_same(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    compiled, read = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert any(tmp_path.rglob("*-cache"))  # there was something to read
    assert compiled.count("\n") == 4
    assert read == compiled
