"""Ludwig on the files: a pretrained image encoder of its own that stays frozen, and its features kept."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.accuracy.task import EPOCHS, TEST, TRAIN, VALIDATION, Race, Task

SPLITS = (TRAIN, VALIDATION, TEST)  # Ludwig's own numbers of them


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one model and writes how good it is."""
    from ludwig.api import LudwigModel

    task = Task.of(__doc__, argv)
    table = pd.DataFrame({"image": [str(path) for path in task.paths()]})
    table["label"] = [task.names[label] for label in task.table["label"]]
    train, validation, test = (table.iloc[task.rows(part)] for part in SPLITS)
    encoder = {"type": "efficientnet", "use_pretrained": True, "trainable": False}
    kept = {"cache_encoder_embeddings": True}
    config = {
        "input_features": [{"name": "image", "type": "image", "encoder": encoder, "preprocessing": kept}],
        "output_features": [{"name": "label", "type": "category"}],
        "trainer": {"epochs": EPOCHS},
    }
    model = LudwigModel(config)
    with tempfile.TemporaryDirectory() as folder:
        seed = {"random_seed": task.seed, "output_directory": folder}
        model.train(training_set=train, validation_set=validation, test_set=test, **seed)
        race = Race(task)
        race.ended(1.0, lambda: _labels(task, model.predict(test)[0]))
        race.write()
    return 0


def _labels(task: Task, predictions: pd.DataFrame) -> np.ndarray:
    return np.array([task.names.index(name) for name in predictions["label_predictions"]])


if __name__ == "__main__":
    sys.exit(main())
