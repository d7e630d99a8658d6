"""Training on images over several devices: two that a CPU plays."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest

from data_prep.errors import InputError
from trainables.backends import KERAS_BACKENDS
from trainables.training.devices import device_count, gpus_seen, require_divisible

pytestmark = pytest.mark.training

PROGRAM = """
import json, os, sys
from pathlib import Path
backend, count = sys.argv[1], int(sys.argv[2])
os.environ["KERAS_BACKEND"] = backend
if backend == "jax":
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={count}"
else:
    import tensorflow as tf

    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [part] * count)
import numpy as np
from trainables.training.batches import Examples
from trainables.training.devices import device_count
from trainables.training.training import Training
from trainables.trial import TrialConfig

rng = np.random.default_rng(0)
labels = np.arange(19) % 2
images = (rng.integers(0, 200, (19, 32, 32, 3)) + 55 * labels[:, None, None, None]).astype(np.uint8)
config = TrialConfig(hidden_units=(8, 4), batch_size=4, epochs=2, l2=1e-3, **json.loads(sys.argv[4]))
# 12 to train, so that no batch is cut; 7 to validate, which two devices do not get in equal parts
examples = Examples(images, labels, np.arange(12), np.arange(12, 19))
training = Training(config, examples)
next(training.epochs())
training.save(Path(sys.argv[3]))
training = Training(config, examples)
assert training.restore(Path(sys.argv[3]))
list(training.epochs())
seen = [[each.loss, each.accuracy, each.val_loss, each.val_accuracy] for each in training.finished]
print(json.dumps({
    "devices": device_count(), "epochs": seen, "end": training.validation_probabilities().tolist()
}))
"""

# without BatchNorm, whose statistics in the head are those of a device's part on TensorFlow
UNFROZEN = {"backbone": "keras:MobileNet", "unfrozen_blocks": 2, "normalisation": "none"}
NETWORKS = {
    "own network": {"backbone": "hassner", "augment": "flip"},
    "unfrozen blocks": UNFROZEN,
    "half precision": {**UNFROZEN, "precision": "bfloat16"},
}


def _train(backend: str, devices: int, folder: Path, network: dict[str, object]) -> dict[str, object]:
    kept = folder / str(devices)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, backend, str(devices), str(kept), json.dumps(network)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("backend", KERAS_BACKENDS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_two_devices_train_as_one_does_and_continue_from_a_checkpoint(
    tmp_path: Path, network: dict[str, object], backend: str
) -> None:
    one, two = (_train(backend, devices, tmp_path, network) for devices in (1, 2))
    assert (one.pop("devices"), two.pop("devices")) == (1, 2)
    for name, expected in one.items():
        for ours, theirs in zip(two[name], expected, strict=True):  # type: ignore[call-overload]
            assert ours == pytest.approx(theirs, abs=1e-4)


def test_batch_that_cannot_be_dealt_out() -> None:
    with pytest.raises(InputError, match=r"^a batch of 5 cannot be dealt out to 2 GPUs; use"):
        require_divisible(5, 2)
    require_divisible(6, 2)


def test_one_device_without_gpus() -> None:
    assert device_count() == 1


def test_gpus_that_a_worker_tells_of_are_read_without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    gpu = SimpleNamespace(platform="gpu", device_kind="T4", memory_stats=lambda: {"bytes_limit": 5})
    monkeypatch.setattr(jax, "devices", lambda: [gpu])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    code = "import pickle, sys; print(*pickle.load(sys.stdin.buffer), 'keras' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(gpus_seen()), capture_output=True)
    assert (told.stderr, told.stdout.decode()) == (b"", "Gpu(kind='T4', memory_bytes=5) False\n")
