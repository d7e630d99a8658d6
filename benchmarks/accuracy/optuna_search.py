"""Optuna with plain Keras: its own sampler (TPE), a network built for each trial, the last epoch decides."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import optuna

from benchmarks.accuracy.plain import SPACE, Inputs
from benchmarks.accuracy.task import EPOCHS, Race, Task


def main(argv: Sequence[str] | None = None, *, of_images: bool = False) -> int:
    """Trains trial after trial and writes what was best when."""
    import keras

    task = Task.of(__doc__, argv)
    keras.utils.set_random_seed(task.seed)
    race, inputs = Race(task), Inputs.of(task, of_images=of_images)

    def objective(trial: optuna.Trial) -> float:
        values = {name: trial.suggest_categorical(name, choices) for name, choices in SPACE.items()}
        model = inputs.build(values)
        history = model.fit(
            *inputs.train,
            validation_data=inputs.validation,
            epochs=EPOCHS,
            batch_size=values["batch_size"],
            verbose=0,
        ).history
        figure = float(history["val_accuracy"][-1])
        race.ended(figure, inputs.answers(model))
        if race.is_over:
            trial.study.stop()
        return figure

    sampler = optuna.samplers.TPESampler(seed=task.seed)
    optuna.create_study(direction="maximize", sampler=sampler).optimize(objective)
    race.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
