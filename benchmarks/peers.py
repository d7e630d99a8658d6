"""What a search adds to the training itself: ours, KerasTuner's and Optuna's with plain Keras.

    python -m benchmarks.peers --rounds 3

All three get the same cached features as arrays and try the same grid of learning rates and dropout rates
on the same Keras backend, one trial at a time with the same threads; as programs of their own, in turns.
The overhead of a trial is the time from the end of the one before to its own end, less its epochs at the
pace that they have once compiled: building, compiling, scheduling, files. The first trial, with the start,
is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks.measure import Cost, machine, machine_in_words, write_result
from benchmarks.plain_head import write_rows
from benchmarks.programs import run_program
from benchmarks.studies import features_of, random_problem
from trainables.backends import installed_backend
from trainables.process_setup import available_cores

OURS, TUNER, OPTUNA = "ours", "KerasTuner", "Optuna"
SCRIPTS = {OURS: "cached_script", TUNER: "tuner_script", OPTUNA: "optuna_script"}
DROPOUTS = (0.0, 0.3)
RATES = (0.01, 0.003, 0.001, 0.0003)


@dataclass(frozen=True)
class Run:
    """One run of a search: its cost, when each trial ended and how long its epochs took, in that order."""

    cost: Cost
    ended_at: tuple[float, ...]
    epoch_seconds: tuple[tuple[float, ...], ...]

    def overheads(self) -> list[float]:
        """Returns the seconds of each trial but the first beyond its epochs."""
        gaps = (after - before for before, after in zip(self.ended_at, self.ended_at[1:], strict=False))
        return [gap - _training(epochs) for gap, epochs in zip(gaps, self.epoch_seconds[1:], strict=True)]

    def first_s(self) -> float:
        """Returns the seconds of the whole program but for the other trials and its own epochs."""
        others = self.ended_at[-1] - self.ended_at[0]
        return self.cost.wall_s - others - _training(self.epoch_seconds[0])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    backend = installed_backend(arguments.keras_backend)
    with tempfile.TemporaryDirectory() as folder:
        runs = run_in_turns(arguments, backend, Path(folder))
    result = {
        "benchmark": "peers",
        "keras_backend": backend,
        "images": arguments.images,
        "trials": len(DROPOUTS) * arguments.rates,
        "epochs": arguments.epochs,
        **summary(runs),
        "machine": machine(),
    }
    print(
        f"a grid of {result['trials']} trials, {result['epochs']} epochs of {result['images']:,} rows; "
        f"Keras on {backend}"
    )
    print("\n".join(in_words(result)))
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


def run_in_turns(arguments: argparse.Namespace, backend: str, folder: Path) -> dict[str, list[Run]]:
    """Returns the runs of each search, `arguments.rounds` of them."""
    problem = random_problem(folder, arguments.images, backend)
    split, rows = problem.splits[0], folder / "rows.npz"
    write_rows(rows, features_of(problem, folder), problem.labels, (split.train, split.validation))
    threads = str(min(2, available_cores()))
    options = ["--rows", str(rows), "--images", str(arguments.images), "--epochs", str(arguments.epochs)]
    options += ["--learning-rates", *map(str, RATES[: arguments.rates]), "--dropouts", *map(str, DROPOUTS)]
    options += ["--cpus-per-trial", threads]
    environment = {"KERAS_BACKEND": backend, "OMP_NUM_THREADS": threads, "NPROC": threads}
    runs: dict[str, list[Run]] = {name: [] for name in SCRIPTS}
    with patch.dict(os.environ, environment):
        for number in range(arguments.rounds):
            for name, script in SCRIPTS.items():
                out = folder / f"{script}.json"
                cost = run_program(f"benchmarks.{script}", [*options, "--out", str(out)])
                runs[name].append(run_of(cost, json.loads(out.read_bytes())))
                print(f"round {number + 1}: {name} took {cost.wall_s:.1f} s", file=sys.stderr, flush=True)
    return runs


def run_of(cost: Cost, report: Mapping[str, Any]) -> Run:
    """Returns the run that a script reported."""
    return Run(
        cost,
        tuple(trial["ended_at"] for trial in report["trials"]),
        tuple(tuple(trial["epoch_seconds"]) for trial in report["trials"]),
    )


def summary(runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Returns for each search the medians of its overheads, and the runs, as JSON values."""
    overheads = {name: [run.overheads() for run in done] for name, done in runs.items()}
    typical = {name: median(chain.from_iterable(found)) for name, found in overheads.items()}
    return {
        "overhead_s": typical,
        "overhead_ratio": {name: typical[name] / typical[OURS] for name in (TUNER, OPTUNA)},
        "first_s": {name: median(run.first_s() for run in done) for name, done in runs.items()},
        "epoch_s": {
            name: median(_pace(run.epoch_seconds[-1]) for run in done) for name, done in runs.items()
        },
        "wall_s": {name: median(run.cost.wall_s for run in done) for name, done in runs.items()},
        "runs": {
            name: [
                {"wall_s": run.cost.wall_s, "cpu_s": run.cost.cpu_s, "overheads_s": found}
                for run, found in pairs
            ]
            for name, pairs in ((name, zip(runs[name], overheads[name], strict=True)) for name in runs)
        },
    }


def in_words(result: Mapping[str, Any]) -> list[str]:
    """Returns a line for each search, and the ratios."""
    lines = [
        f"  {name:<11} {result['overhead_s'][name]:6.2f} s a trial beyond its epochs, "
        f"{result['first_s'][name]:5.1f} s the first; an epoch {result['epoch_s'][name]:.2f} s, "
        f"all {result['wall_s'][name]:.1f} s"
        for name in result["overhead_s"]
    ]
    ratios = ", ".join(f"{name} {ratio:.1f}x" for name, ratio in result["overhead_ratio"].items())
    return [*lines, f"  over ours: {ratios}"]


def _pace(epochs: Sequence[float]) -> float:
    """The seconds of an epoch after the first, which may compile; of the first where there is no other."""
    return median(epochs[1:] or epochs)


def _training(epochs: Sequence[float]) -> float:
    return len(epochs) * _pace(epochs)


def _rates(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= len(RATES):
        return int(text)
    raise argparse.ArgumentTypeError(f"the grid has 1 to {len(RATES)} learning rates, received {text!r}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Overhead of a trial: ours, KerasTuner's and Optuna's (pip install '.[benchmarks]').",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=4096, help="rows of features")
    parser.add_argument("--epochs", type=int, default=3, help="of every trial")
    parser.add_argument("--rates", type=_rates, default=len(RATES), help="learning rates of the grid")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each search")
    parser.add_argument("--keras-backend", default="auto", help="of all three")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
