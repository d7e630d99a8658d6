"""Programs that are compiled ahead of a trial: all that it runs, from the shapes of its data alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainables.compile_ahead import note_of
from trainables.trial import TrialConfig

CONFIG = TrialConfig(epochs=2, hidden_units=(64, 32, 16), batch_size=32, dropout=0.25)

TRAINING = """
import json, sys
from pathlib import Path
from trainables.process_setup import import_keras, keep_compiled, prepare_process
wanted = json.loads(sys.stdin.readline())
keep_compiled(Path(wanted["compiled"]))
prepare_process("jax", wanted["cpus"])
import_keras()
import numpy as np
from trainables.training.batches import Examples
from trainables.training.training import Training
from trainables.trial import TrialConfig
rng = np.random.default_rng(0)
rows = wanted["train"] + wanted["validation"]
inputs = rng.normal(size=(rows, wanted["features"])).astype(np.float32)
labels = rng.integers(0, wanted["classes"], rows).astype(np.int16)
parts = np.arange(wanted["train"]), np.arange(wanted["train"], rows)
examples = Examples(inputs, labels, *parts, wanted["classes"])
training = Training(TrialConfig.from_dict(wanted["config"]), examples)
list(training.epochs())
training.validation_probabilities()
"""


def shapes(folder: Path, **others: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    asked = {"config": CONFIG.to_dict(), "features": 48, "train": 70, "validation": 520, "classes": 2}
    return {**asked, "cpus": 2, "compiled": str(folder), **others}


def run(wanted: dict[str, Any], *command: str) -> set[str]:
    """Runs a program that reads `wanted`, and returns the names of the programs that are kept then."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    command = (sys.executable, *command)
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin
        print(json.dumps(wanted), file=process.stdin, flush=True)  # left open: its end ends the program
        assert process.wait() == 0
    return {path.name for path in Path(wanted["compiled"]).rglob("*-cache")}


@pytest.mark.training
@pytest.mark.parametrize(
    "others",
    [
        {},
        {"train": 64, "validation": 20},  # no smaller last batch
        {"classes": 5, "config": CONFIG.to_dict() | {"class_weight": "balanced", "l2": 1e-4}},
    ],
)
def test_a_trial_finds_all_its_programs(others: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("jax")
    wanted = shapes(tmp_path / "compiled", **others)
    ahead = run(wanted, "-m", "trainables.compile_ahead")
    assert note_of(wanted).exists()
    trained = run(wanted, "-c", TRAINING)
    of_steps = ("jit__whole", "jit_train_step", "jit_test_step", "jit_predict_step", "jit__stateless")
    assert {name for name in trained - ahead if name.startswith(of_steps)} == set()
    assert {name.split("-")[0] for name in ahead} >= {"jit__whole", "jit_test_step", "jit_predict_step"}


def test_note_is_of_what_is_compiled(tmp_path: Path) -> None:
    wanted = shapes(tmp_path)
    rate = CONFIG.to_dict() | {"learning_rate": 0.5, "seed": 1, "epochs": 9}
    assert note_of(wanted) == note_of(shapes(tmp_path, config=rate))
    for others in (
        {"features": 49},
        {"train": 71},
        {"cpus": 1},
        {"config": CONFIG.to_dict() | {"dropout": 0.0}},
    ):
        assert note_of(wanted) != note_of(shapes(tmp_path, **others))
    assert note_of(wanted).name == note_of(shapes(tmp_path / "moved")).name
