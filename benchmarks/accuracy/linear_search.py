"""scikit-learn alone: a logistic regression on the backbone's features, its strength chosen by validation."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.accuracy.plain import Inputs
from benchmarks.accuracy.task import TEST, Race, Task

STRENGTHS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)  # C of scikit-learn, its own default first


def main(argv: Sequence[str] | None = None) -> int:
    """Fits a classifier for each strength and writes what was best when."""
    task = Task.of(__doc__, argv)
    race, inputs = Race(task), Inputs.of(task, of_images=False)
    rows, labels = inputs.validation
    for strength in STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        model.fit(*inputs.train)
        answers = functools.partial(model.predict, inputs.part(TEST)[0])
        race.ended(accuracy_score(labels, model.predict(rows)), answers)
    race.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
