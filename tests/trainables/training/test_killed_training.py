"""Training on images that is killed with -9 and started again, between epochs and inside one."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.training

# Trains on images that count how often they are read; at the read that is asked for, or after the save of
# that epoch, the process kills itself.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from trainables.training.batches import Examples
from trainables.training.training import Training
from trainables.trial import TrialConfig

folder, at_read, after_epoch = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

class Counted:
    ndim, reads = 4, 0

    def __init__(self, images):
        self.images, self.shape = images, images.shape

    def __getitem__(self, places):
        Counted.reads += 1
        if Counted.reads == at_read:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.images[places]

rng = np.random.default_rng(0)
images = Counted(rng.integers(0, 256, (16, 36, 36, 3), dtype=np.uint8))
config = TrialConfig(
    backbone="keras:MobileNet", hidden_units=(8, 4), dropout=0.3, batch_size=4, epochs=3,
    unfrozen_blocks=1, train_batchnorm=True, augment="crop_flip",
)
training = Training(config, Examples(images, np.arange(16) % 2, np.arange(12), np.arange(12, 16)))
restored = training.restore(folder)
print(json.dumps({"restored": len(training.finished)}))
for metrics in training.epochs():
    training.save(folder)
    if metrics.epoch == after_epoch:
        os.kill(os.getpid(), signal.SIGKILL)
seen = [[each.loss, each.accuracy, each.val_loss, each.val_accuracy] for each in training.finished]
print(json.dumps({"epochs": seen, "end": training.validation_probabilities().tolist()}))
"""
NEVER = 0
READS_AN_EPOCH = 32  # 12 to train and 4 to validate, and both again for the accuracies at inference


def _train(
    folder: Path, at_read: int = NEVER, after_epoch: int = NEVER
) -> tuple[int, list[dict[str, object]]]:
    """Returns how the process ended, and the objects that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(at_read), str(after_epoch)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Returns the numbers of a run that nobody kills."""
    code, (_, numbers) = _train(tmp_path_factory.mktemp("unbroken"))
    assert code == 0
    return numbers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "finished"),
    [
        ({"after_epoch": 1}, 1),
        ({"at_read": READS_AN_EPOCH + 6}, 1),  # in the second step of the second epoch, or read ahead of it
    ],
    ids=["between epochs", "inside an epoch"],
)
def test_killed_training_ends_with_the_numbers_of_an_unbroken_one(
    tmp_path: Path, unbroken: dict[str, object], kill: dict[str, int], finished: int
) -> None:
    code, _ = _train(tmp_path, **kill)
    assert code == -signal.SIGKILL
    code, (start, numbers) = _train(tmp_path)
    assert (code, start) == (0, {"restored": finished})
    assert numbers == unbroken
