"""A ledger of 50,000 trials: how soon `search.show` answers, without and with the index, and planning.

    python -m benchmarks.growth

The trials are invented (`benchmarks.invented_study`). Show runs as a program, so that its start counts;
beside it stands the start alone, `search.show --help`. Planned is a grid of 1,000 configurations that the
ledger lacks. A snapshot of all trials is what report and dashboard read first.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.invented_study import write_study
from benchmarks.measure import Cost, cost_of, machine, machine_in_words, write_result
from benchmarks.plans import plan_of_grid, sample_problem
from benchmarks.programs import run_program
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.snapshot import SnapshotReader


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        study = folder / f"invented-{arguments.trials}"
        if not Layout(study).facts.exists():
            print(f"writing {arguments.trials:,} trials", file=sys.stderr, flush=True)
            write_study(study, arguments.trials)
        costs = measure(study, folder)
    result: dict[str, Any] = {
        "benchmark": "growth",
        "trials": arguments.trials,
        **{name: asdict(cost) for name, cost in costs.items()},
        "machine": machine(),
    }
    print(f"{arguments.trials:,} trials")
    for name, cost in costs.items():
        print(f"  {name:<28} {cost.wall_s:6.2f} s wall, {cost.cpu_s:6.2f} s CPU")
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


def measure(study: Path, folder: Path) -> dict[str, Cost]:
    """Returns what the study costs those who read it; `folder` takes a sample to plan with."""
    Layout(study).index.unlink(missing_ok=True)
    show = [str(study)]
    problem = sample_problem(folder)
    return {
        "start of a command": _quickest(lambda: run_program("search.show", ["--help"])),
        "show without an index": run_program("search.show", show),
        "show": _quickest(lambda: run_program("search.show", show)),
        "read quickly, start left out": cost_of(lambda: SnapshotReader(study, trials=False).read()),
        "plan of 1,000": cost_of(lambda: plan_of_grid(problem, Ledger(study))),
        "snapshot of all trials": cost_of(lambda: SnapshotReader(study).read()),
    }


def _quickest(run: Callable[[], Cost]) -> Cost:
    return min((run() for _ in range(3)), key=lambda cost: cost.wall_s)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description="Show and planning of a large ledger.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=50_000, help="in the ledger")
    parser.add_argument("--folder", type=Path, help="where the study is kept, for another run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
