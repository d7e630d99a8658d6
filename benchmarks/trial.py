"""A trial on cached features against the same trial by a plain Ray Tune and Keras script.

    python -m benchmarks.trial --images 128 --epochs 3

Both are whole programs run in turns: interpreter, Ray, worker, compiling and training count. The images,
the split, the backbone's weights, the batch size, the learning rate, the epochs and the seed are the same;
the initial weights of the head are drawn by each side's own generator, so accuracies are near, not equal.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import machine, machine_in_words, write_result
from benchmarks.side_by_side import Task, in_words, run_in_turns, summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    task = Task(
        images=arguments.images,
        epochs=arguments.epochs,
        learning_rates=(arguments.learning_rate,),
        batch_size=arguments.batch_size,
        seed=arguments.seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        runs = run_in_turns(task, arguments.rounds, Path(folder), lambda line: print(line, file=sys.stderr))
    result: dict[str, Any] = {
        "benchmark": "trial",
        "images": task.images,
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "learning_rate": arguments.learning_rate,
        **summary(runs),
        "machine": machine(),
    }
    print(describe_task(result))
    print("\n".join(in_words(runs)))
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


def describe_task(result: dict[str, Any]) -> str:
    """Returns the line that says what was trained."""
    return (
        f"one trial: resnet50_v2 (random weights), {result['images']} drawn photographs, "
        f"batch {result['batch_size']}, learning rate {result['learning_rate']:g}, "
        f"{result['epochs']} epochs; ours on {result['keras_backend']}, plain on tensorflow"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trial",
        description="A trial on cached features against the same by a plain Ray Tune and Keras script.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=128, help="photographs to draw, 40 or more")
    parser.add_argument("--epochs", type=int, default=3, help="of the trial")
    parser.add_argument("--batch-size", type=int, default=32, help="images a step")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of the trial")
    parser.add_argument("--seed", type=int, default=7, help="of the trial")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
