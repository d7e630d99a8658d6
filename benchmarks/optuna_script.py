"""A grid search by Optuna with plain Keras on cached features."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import optuna

from benchmarks.plain_head import Rows, build_head, script_parser, stopwatch


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one trial a configuration and writes when each of them ended to --out."""
    arguments = script_parser("optuna_script", __doc__).parse_args(argv)
    rows = Rows.read(arguments.rows)
    trials: list[dict[str, Any]] = []
    space = {"learning_rate": arguments.learning_rates, "dropout": arguments.dropouts}

    def objective(trial: optuna.Trial) -> float:
        values = {name: trial.suggest_categorical(name, choices) for name, choices in space.items()}
        model = build_head(rows.train[0].shape[1], **values)
        seconds: list[float] = []
        history = model.fit(
            *rows.train,
            validation_data=rows.validation,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            callbacks=[stopwatch(seconds)],
            verbose=0,
        ).history
        trials.append({"ended_at": time.perf_counter(), "epoch_seconds": seconds})
        return float(max(history["val_accuracy"]))

    optuna.create_study(direction="maximize", sampler=optuna.samplers.GridSampler(space)).optimize(objective)
    arguments.out.write_text(json.dumps({"trials": trials}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
