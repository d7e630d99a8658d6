"""Planning of a joint grid of 1,000 configurations, and of one to which as many as wished are added.

    python -m benchmarks.plans

Prints the CPU seconds until all trials are known and all that the ledger lacks, in a study without a trial
and in one that has the first 1,000. Nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import draw_sample
from data_prep.sources import manifest_of
from search.options.search_options import SearchOptions
from search.strategies.plans import joint_plan, missing_trials
from search.study.ledger import Ledger
from search.study.setup import Problem
from trainables.trial import EpochMetrics, Trial, TrialResult, TrialStatus

GRID = (10, 10, 10)  # learning rates, dropouts, weight decays


def main(argv: Sequence[str] | None = None) -> int:
    """Prints both figures and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plans", description=__doc__)
    parser.add_argument("--added", type=int, default=1, help="number of learning rates to add to ten")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.added)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, (trials, missing, seconds) in figures.items():
            print(f"{name:>9}: {trials:,} trials, {missing:,} to train, planned in {seconds:.2f} s of CPU")
    return 0


def measure(folder: Path, added: int) -> dict[str, tuple[int, int, float]]:
    """Returns trials, those to train, and CPU seconds: of the grid, and of the grid with more rates."""
    draw_sample(folder / "sample", photos=40, celeba_photos=40)
    build_manifest(load_adience(folder / "sample" / "adience"), folder / "faces.parquet")
    manifest = manifest_of(folder / "faces.parquet", None)
    problem = Problem.of(manifest, "random", "none", "auto")
    ledger = Ledger(folder / "study")
    first = _planned(problem, ledger, GRID[0])
    for trial in first[0]:
        ledger.record(_ended(trial))
    more = _planned(problem, Ledger(folder / "study"), GRID[0] + added)
    return {name: (len(plan[0]), *plan[1:]) for name, plan in (("new", first), ("added to", more))}


def _planned(problem: Problem, ledger: Ledger, rates: int) -> tuple[list[Trial], int, float]:
    started = time.process_time()
    values = [
        "lr=" + ",".join(f"{1e-4 * (rate + 1):g}" for rate in range(rates)),
        "dropout=" + ",".join(f"{rate / 20:g}" for rate in range(GRID[1])),
        "weight_decay=" + ",".join(f"{rate / 100:g}" for rate in range(GRID[2])),
    ]
    plan = joint_plan(SearchOptions.of(mode="joint", values=values), problem, ledger.folder)
    trials, missing = plan.trials(), missing_trials(plan, ledger)
    return trials, len(missing), time.process_time() - started


def _ended(trial: Trial) -> TrialResult:
    epoch = EpochMetrics(
        epoch=1, loss=0.5, accuracy=0.75, val_loss=0.5, val_accuracy=0.75, learning_rate=1e-3, seconds=1.0
    )
    return TrialResult(trial=trial, status=TrialStatus.COMPLETED, epochs=(epoch,), seconds=1.0)


if __name__ == "__main__":
    sys.exit(main())
