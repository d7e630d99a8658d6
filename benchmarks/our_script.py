"""The same trials by this project's driver, ledger and progress display: `search.run` without its tables.

    python -m benchmarks.our_script --manifest sample.parquet --weights resnet.weights.h5 --cache cache \\
        --study study --out result.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from data_prep.manifest import read_manifest
from search.callbacks.progress_display import ProgressDisplay
from search.ray_tune.ahead.head_start import HeadStart, features_ahead
from search.study.ledger import Ledger
from search.study.setup import Problem, rows_to_make
from trainables.backbones.table import find_backbone
from trainables.features.cache import find_features
from trainables.trial import Trial, TrialConfig, TrialResult


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one trial a learning rate and writes what they reported to --out."""
    arguments = _parser().parse_args(argv)
    problem = Problem.of(read_manifest(arguments.manifest), "random", str(arguments.weights), "auto")
    base = TrialConfig(batch_size=arguments.batch_size, epochs=arguments.epochs, seed=arguments.seed)
    configs = [replace(base, learning_rate=rate) for rate in arguments.learning_rates]
    trials = [problem.trial(config, problem.splits[0].name) for config in configs]
    names = rows_to_make(trials, problem, arguments.cache)
    with features_ahead(names, problem, arguments.cache) if names else nullcontext() as head_start:
        results = _train(problem, trials, head_start, arguments)
    result = {
        "keras_backend": problem.keras_backend,
        "images_per_second": _extraction_rate(problem, arguments.cache),
        "trials": [_summary(results[trial.key]) for trial in trials],
    }
    arguments.out.write_text(json.dumps(result), encoding="utf-8")
    return 0


def _train(
    problem: Problem,
    trials: Sequence[Trial],
    head_start: HeadStart | None,
    arguments: argparse.Namespace,
) -> dict[str, TrialResult]:
    from search.options.run_groups import MachineOptions
    from search.ray_tune.driver import Driver
    from search.ray_tune.policy import Policy

    resources = MachineOptions(cpus_per_trial=arguments.cpus_per_trial)
    ledger = Ledger(arguments.study)
    places = (arguments.cache, arguments.study / "checkpoints")
    with Driver(problem, *places, resources, ledger.record, head_start=head_start) as driver:
        console = Console(stderr=True)
        with ProgressDisplay("trials", len(trials), lambda trial: trial.key, console) as progress:
            return driver.train(trials, progress, Policy())


def _extraction_rate(problem: Problem, cache: Path) -> float:
    """Returns the images a second at which the features in the cache were made, building not counted."""
    store = find_features(
        cache, find_backbone(TrialConfig.backbone), problem.weights, problem.manifest.image_digests
    )
    if store is None:
        raise RuntimeError(f"the trials left no features in {cache}")
    return float(json.loads((store.folder / "index.json").read_bytes())["images_per_second"])


def _summary(result: TrialResult) -> dict[str, Any]:
    return {
        "learning_rate": result.trial.config.learning_rate,
        "val_accuracy": [epoch.val_accuracy for epoch in result.epochs],
        "epoch_seconds": [epoch.seconds for epoch in result.epochs],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.our_script",
        description="The trials of benchmarks.plain_script by this project.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--manifest", type=Path, required=True, help="of python -m data_prep.build")
    parser.add_argument("--weights", type=Path, required=True, help="of ResNet50V2 without its top")
    parser.add_argument("--cache", type=Path, required=True, help="of features; empty to extract first")
    parser.add_argument("--study", type=Path, required=True, help="the folder of the ledger")
    parser.add_argument("--out", type=Path, required=True, help="where the result goes, as JSON")
    parser.add_argument(
        "--learning-rates", type=float, nargs="+", default=[1e-3], metavar="RATE", help="tried"
    )
    parser.add_argument("--batch-size", type=int, default=32, help="examples a step")
    parser.add_argument("--epochs", type=int, default=20, help="of every trial")
    parser.add_argument("--seed", type=int, default=7, help="of every trial")
    parser.add_argument("--cpus-per-trial", type=int, default=2, help="for Ray")
    return parser


if __name__ == "__main__":
    sys.exit(main())
