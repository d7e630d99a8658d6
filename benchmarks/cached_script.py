"""The same grid by this project's driver, ledger and progress display, on features in its cache.

The rows are those that `random_problem` makes of --images, in the folder that holds the file --rows, where
they lie already.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.plain_head import script_parser
from benchmarks.studies import random_problem
from search.callbacks.callback import Callback, Callbacks
from search.callbacks.progress_display import ProgressDisplay
from search.options.run_groups import MachineOptions
from search.ray_tune.driver import Driver
from search.ray_tune.policy import Policy
from search.study.ledger import Ledger
from trainables.trial import TrialConfig, TrialResult


class Ends(Callback):
    """A callback that notes when each trial ended."""

    def __init__(self) -> None:
        self.trials: list[dict[str, Any]] = []

    def trial_ended(self, result: TrialResult) -> None:
        """Notes the time, and the seconds of the epochs."""
        seconds = [metrics.seconds for metrics in result.epochs]
        self.trials.append({"ended_at": time.perf_counter(), "epoch_seconds": seconds})


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one trial a configuration and writes when each of them ended to --out."""
    arguments = script_parser("cached_script", __doc__).parse_args(argv)
    folder = arguments.rows.parent
    problem = random_problem(folder, arguments.images, os.environ.get("KERAS_BACKEND", "auto"))
    trials = [
        problem.trial(
            TrialConfig(
                learning_rate=rate,
                dropout=dropout,
                batch_size=arguments.batch_size,
                epochs=arguments.epochs,
            ),
            problem.splits[0].name,
        )
        for dropout, rate in itertools.product(arguments.dropouts, arguments.learning_rates)
    ]
    ends, resources = Ends(), MachineOptions(cpus_per_trial=arguments.cpus_per_trial)
    with tempfile.TemporaryDirectory() as study:
        ledger, checkpoints = Ledger(Path(study)), Path(study) / "checkpoints"
        with (
            Driver(problem, folder / "cache", checkpoints, resources, ledger.record) as driver,
            ProgressDisplay("trials", len(trials), lambda trial: trial.key, Console(stderr=True)) as progress,
        ):
            driver.train(trials, Callbacks((progress, ends)), Policy())
    arguments.out.write_text(json.dumps({"trials": ends.trials}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
