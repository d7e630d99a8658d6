"""Two trials with one thread each against one trial with two threads, on cached features.

    python -m benchmarks.threads --batch-sizes 8 32 64

The same grid is trained both ways on a machine of two cores, as whole programs in turns. What counts is the
time a trial takes in the long run: from the end of the first round of trials to the end of the last, over
the trials between. Beside it stands the whole program, in which two workers also start and compile twice.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks.measure import machine, machine_in_words, write_result
from benchmarks.programs import run_program
from benchmarks.studies import random_problem
from trainables.backends import installed_backend

THREADS = (1, 2)
RATES, DROPOUTS = (0.01, 0.003, 0.001, 0.0003), (0.0, 0.3)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    backend = installed_backend(arguments.keras_backend)
    rows = []
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"KERAS_BACKEND": backend}):
        random_problem(Path(folder), arguments.images, backend)
        for batch_size in arguments.batch_sizes:
            runs = run_in_turns(batch_size, arguments, Path(folder))
            rows.append({"batch_size": batch_size, **summary(runs)})
            print(in_words(rows[-1]), flush=True)
    result = {
        "benchmark": "threads",
        "keras_backend": backend,
        "images": arguments.images,
        "epochs": arguments.epochs,
        "batches": rows,
        "machine": machine(),
    }
    print(f"  Keras on {backend}, {arguments.images:,} rows, {arguments.epochs} epochs a trial")
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


def run_in_turns(batch_size: int, arguments: argparse.Namespace, folder: Path) -> dict[int, list[Any]]:
    """Returns by the threads of a trial the runs of `cached_script`: wall seconds, and when trials ended."""
    out = folder / "out.json"
    options = ["--rows", str(folder / "rows.npz"), "--images", str(arguments.images), "--out", str(out)]
    options += ["--learning-rates", *map(str, RATES), "--dropouts", *map(str, DROPOUTS)]
    options += ["--epochs", str(arguments.epochs), "--batch-size", str(batch_size)]
    runs: dict[int, list[Any]] = {threads: [] for threads in THREADS}
    for _ in range(arguments.rounds):
        for threads, done in runs.items():
            cost = run_program("benchmarks.cached_script", [*options, "--cpus-per-trial", str(threads)])
            ended_at = [trial["ended_at"] for trial in json.loads(out.read_bytes())["trials"]]
            done.append((cost.wall_s, ended_at))
            print(f"batch {batch_size}, {threads} threads: {cost.wall_s:.1f} s", file=sys.stderr, flush=True)
    return runs


def trial_s(ended_at: Sequence[float], at_a_time: int) -> float:
    """Returns the seconds a trial takes in the long run, `at_a_time` trials under way together."""
    return (ended_at[-1] - ended_at[at_a_time - 1]) / (len(ended_at) - at_a_time)


def summary(runs: Mapping[int, Sequence[Any]]) -> dict[str, Any]:
    """Returns the medians of both ways; a ratio above 1 says that one thread a trial is faster."""
    least = {
        threads: median(trial_s(ended_at, max(THREADS) // threads) for _, ended_at in done)
        for threads, done in runs.items()
    }
    whole = {threads: median(wall_s for wall_s, _ in done) for threads, done in runs.items()}
    return {
        "trial_s": least,
        "wall_s": whole,
        "trial_ratio": least[2] / least[1],
        "wall_ratio": whole[2] / whole[1],
    }


def in_words(row: Mapping[str, Any]) -> str:
    """Returns what came of a batch size, as a line."""
    return (
        f"batch {row['batch_size']:>3}: a trial in the long run {row['trial_s'][2]:.2f} s with two threads, "
        f"{row['trial_s'][1]:.2f} s as two at a time with one each: {row['trial_ratio']:.2f}x; "
        f"the whole program {row['wall_s'][2]:.1f} s and {row['wall_s'][1]:.1f} s: {row['wall_ratio']:.2f}x"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.threads",
        description="One thread a trial and two trials at a time, against two threads and one trial.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 32, 64], metavar="N", help="tried")
    parser.add_argument("--images", type=int, default=12_194, help="rows of features")
    parser.add_argument("--epochs", type=int, default=3, help="of every trial")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each way")
    parser.add_argument("--keras-backend", default="auto", help="that trains the heads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
