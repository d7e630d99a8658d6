"""KerasTuner: random search as its guide has it, the best epoch of a trial decides and is kept."""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.accuracy.plain import SPACE, Inputs
from benchmarks.accuracy.task import EPOCHS, Race, Task


def main(argv: Sequence[str] | None = None, *, of_images: bool = False) -> int:
    """Trains trial after trial and writes what was best when."""
    import keras
    import keras_tuner

    task = Task.of(__doc__, argv)
    keras.utils.set_random_seed(task.seed)
    race, inputs = Race(task), Inputs.of(task, of_images=of_images)

    class Network(keras_tuner.HyperModel):  # type: ignore[misc]
        """The same network and values as all."""

        def build(self, hp: Any) -> Any:
            """Returns a fresh network."""
            return inputs.build({name: hp.Choice(name, choices) for name, choices in SPACE.items()})

        def fit(self, hp: Any, model: Any, *data: Any, **options: Any) -> Any:
            """Trains it as KerasTuner does, with the batch size of the trial."""
            return model.fit(*data, batch_size=hp.get("batch_size"), **options)

    class Timed(keras_tuner.RandomSearch):  # type: ignore[misc]
        """A random search that says when a trial ended."""

        def on_trial_end(self, trial: Any) -> None:
            """Notes the trial, whose weights KerasTuner has kept."""
            super().on_trial_end(trial)
            done = self.oracle.get_trial(trial.trial_id)
            race.ended(float(done.score), functools.partial(self._answers, done))
            if race.is_over:
                self.oracle.max_trials = len(self.oracle.trials)

        def _answers(self, trial: Any) -> np.ndarray:
            return inputs.answers(self.load_model(trial))()

    with tempfile.TemporaryDirectory() as folder:
        tuner = Timed(
            Network(), objective="val_accuracy", max_trials=task.trials, seed=task.seed, directory=folder
        )
        tuner.search(*inputs.train, validation_data=inputs.validation, epochs=EPOCHS, verbose=0)
        race.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
