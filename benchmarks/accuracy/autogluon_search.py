"""AutoGluon MultiModal on the files: its own preset, network and weights, the whole of which it trains."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.accuracy.task import TEST, TRAIN, VALIDATION, Race, Task


def main(argv: Sequence[str] | None = None) -> int:
    """Fits one predictor, which takes as many seconds as the budget has, and writes how good it is."""
    from autogluon.multimodal import MultiModalPredictor

    task = Task.of(__doc__, argv)
    table = pd.DataFrame({"image": [str(path) for path in task.paths()], "label": task.table["label"]})
    train, validation, test = (table.iloc[task.rows(part)] for part in (TRAIN, VALIDATION, TEST))
    with tempfile.TemporaryDirectory() as folder:
        predictor = MultiModalPredictor(label="label", path=f"{folder}/predictor", eval_metric="accuracy")
        predictor.fit(train, tuning_data=validation, time_limit=task.budget_s, seed=task.seed)
        race = Race(task)
        race.ended(1.0, lambda: np.asarray(predictor.predict(test[["image"]], as_pandas=False)))
        race.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
