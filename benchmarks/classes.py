"""What more classes cost: an epoch of a head of K classes over one of two, beside its weights over theirs.

    python -m benchmarks.classes --classes 2 5 40 1000 --rounds 7

All heads are trained in turns by one process, each compiled before.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.heads import FEATURES, epoch_cost, random_examples
from benchmarks.measure import Cost, in_own_process, machine, machine_in_words, typical, write_result
from trainables.backends import installed_backend
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

CLASSES = (2, 5, 40, 1000)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    backend = installed_backend(arguments.keras_backend)
    wanted = (arguments.classes, arguments.rows, arguments.rounds)
    rows = in_own_process(backend, arguments.threads, epoch_costs, *wanted)
    result = {"benchmark": "classes", "keras_backend": backend, "heads": rows, "machine": machine()}
    print(f"an epoch of {arguments.rows:,} rows, batch 32, Keras on {backend}:")
    for row in rows:
        print(
            f"  {row['classes']:5} classes  wall {row['wall_s']:.3f} s ({row['wall_ratio']:.3f} of the first)"
            f", CPU {row['cpu_s']:.3f} s ({row['cpu_ratio']:.3f}); weights {row['weights_ratio']:.3f}"
        )
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


def epoch_costs(classes: Sequence[int], rows: int, rounds: int) -> list[dict[str, Any]]:
    """Returns the cost of an epoch for each number of classes, over that of the first."""
    config = TrialConfig()
    examples = [random_examples(rows, count) for count in classes]
    costs: list[list[Cost]] = [[] for _ in classes]
    for each in examples:
        epoch_cost(config, each)
    for _ in range(rounds):
        for each, found in zip(examples, costs, strict=True):
            found.append(epoch_cost(config, each))
    return [
        row_of(count, typical(found), classes[0], typical(costs[0]))
        for count, found in zip(classes, costs, strict=True)
    ]


def row_of(classes: int, cost: Cost, first_classes: int, first: Cost) -> dict[str, Any]:
    """Returns the figures of a head of `classes`, over those of the `first`."""
    return {
        "classes": classes,
        "wall_s": cost.wall_s,
        "cpu_s": cost.cpu_s,
        "wall_ratio": cost.wall_s / first.wall_s,
        "cpu_ratio": cost.cpu_s / first.cpu_s,
        "weights_ratio": weights_of(classes) / weights_of(first_classes),
    }


def weights_of(classes: int) -> int:
    """Returns the number of kernel weights of the report's head for that many classes."""
    hidden = TrialConfig().hidden_units
    widths = [FEATURES, *hidden, 1 if classes == 2 else classes]
    return sum(before * after for before, after in pairwise(widths))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classes", description=__doc__)
    parser.add_argument("--classes", type=int, nargs="+", default=CLASSES)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--keras-backend", default="auto")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
