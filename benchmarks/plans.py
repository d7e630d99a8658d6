"""Planning of a joint grid of 1,000 configurations, and of one to which as many as wished are added.

    python -m benchmarks.plans

Prints the CPU seconds until all trials are known and all that the ledger lacks, in a study without a trial
and in one that has the first 1,000. Nothing is trained.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import machine, write_result
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
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.added)
    for name, (trials, missing, seconds) in figures.items():
        print(f"{name:>9}: {trials:,} trials, {missing:,} to train, planned in {seconds:.2f} s of CPU")
    write_result({"benchmark": "plans", **figures, "machine": machine()}, arguments.json)
    return 0


def measure(folder: Path, added: int) -> dict[str, tuple[int, int, float]]:
    """Returns trials, those to train, and CPU seconds: of the grid, and of the grid with more rates."""
    problem = sample_problem(folder)
    ledger = Ledger(folder / "study")
    first = plan_of_grid(problem, ledger)
    for trial in first[0]:
        ledger.record(_ended(trial))
    more = plan_of_grid(problem, Ledger(folder / "study"), GRID[0] + added)
    return {name: (len(plan[0]), *plan[1:]) for name, plan in (("new", first), ("added to", more))}


def sample_problem(folder: Path) -> Problem:
    """Returns the problem of the drawn sample, which is made in `folder`."""
    draw_sample(folder / "sample", photos=40, celeba_photos=40)
    build_manifest(load_adience(folder / "sample" / "adience"), folder / "faces.parquet")
    return Problem.of(manifest_of(folder / "faces.parquet", None), "random", "none", "auto")


def plan_of_grid(problem: Problem, ledger: Ledger, rates: int = GRID[0]) -> tuple[list[Trial], int, float]:
    """Returns the trials of a grid, how many `ledger` lacks, and the CPU seconds until both are known."""
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
