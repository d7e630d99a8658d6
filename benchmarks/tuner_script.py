"""A grid search by KerasTuner on cached features, given to it as arrays."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.plain_head import Rows, build_head, script_parser, stopwatch


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one trial a configuration and writes when each of them ended to --out."""
    import keras_tuner

    arguments = script_parser("tuner_script", __doc__).parse_args(argv)
    rows = Rows.read(arguments.rows)
    trials: list[dict[str, Any]] = []

    class Head(keras_tuner.HyperModel):  # type: ignore[misc]
        """The grid's space; times what is trained."""

        def build(self, hp: Any) -> Any:
            """Returns a fresh head."""
            rate = hp.Choice("learning_rate", arguments.learning_rates)
            return build_head(rows.train[0].shape[1], rate, hp.Choice("dropout", arguments.dropouts))

        def fit(self, hp: Any, model: Any, *inputs: Any, callbacks: Any, **options: Any) -> Any:
            """Trains it as KerasTuner does, with one callback more."""
            seconds: list[float] = []
            history = model.fit(*inputs, callbacks=[*callbacks, stopwatch(seconds)], **options)
            trials.append({"ended_at": time.perf_counter(), "epoch_seconds": seconds})
            return history

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(Head(), objective="val_accuracy", directory=folder, max_trials=None)
        tuner.search(
            *rows.train,
            validation_data=rows.validation,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            verbose=0,
        )
    arguments.out.write_text(json.dumps({"trials": trials}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
