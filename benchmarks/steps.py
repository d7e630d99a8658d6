"""What the loop of steps saves: an epoch of a head as JAX runs it, over one that Keras runs step by step.

    python -m benchmarks.steps --batch-sizes 1 8 32 64 --rounds 5

Both are trained in turns by one process, each compiled before; their numbers are the same to the bit. Another
process trains the same heads on TensorFlow, as they are where JAX is absent; each of the two has TURNS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.heads import epoch_cost, random_examples, rows_for, step_costs
from benchmarks.measure import Cost, in_own_process, machine, machine_in_words, typical, write_result
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

BATCH_SIZES = (1, 4, 8, 16, 32, 64)
TURNS = 2
WIDTHS = ((1024, 512, 256), (256, 128, 64))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    configs = [
        replace(TrialConfig(), hidden_units=widths, batch_size=size, dropout=arguments.dropout)
        for widths in WIDTHS
        for size in arguments.batch_sizes
    ]
    wanted = (configs, arguments.rows, arguments.rounds)
    turns, others_turns = [], []
    for _ in range(TURNS):  # not one after the other: machines have slow minutes
        turns.append(in_own_process("jax", arguments.threads, epoch_costs, *wanted))
        others_turns.append(in_own_process("tensorflow", arguments.threads, step_costs, *wanted))
    rows = [min(found, key=lambda row: row["step_ms"]) for found in zip(*turns, strict=True)]
    others = [min(found, key=lambda cost: cost.wall_s) for found in zip(*others_turns, strict=True)]
    print(f"a step of a head, its share of validation included; {arguments.threads} threads")
    for row, other in zip(rows, others, strict=True):
        row["tensorflow_wall_ratio"] = 1000 * other.wall_s / row["step_ms"]
        row["tensorflow_cpu_ratio"] = 1000 * other.cpu_s / row["step_cpu_ms"]
        widths = "/".join(map(str, row["hidden_units"]))
        print(
            f"  {widths:12} batch {row['batch_size']:2}: {row['step_ms']:6.2f} ms in a loop, "
            f"{row['wall_ratio']:.2f}x of step by step by wall time, {row['cpu_ratio']:.2f}x by CPU time; "
            f"on TensorFlow {row['tensorflow_wall_ratio']:.2f}x ({row['tensorflow_cpu_ratio']:.2f}x)"
        )
    print(f"  {machine_in_words(machine())}")
    write_result(
        {"benchmark": "steps", "dropout": arguments.dropout, "heads": rows, "machine": machine()},
        arguments.json,
    )
    return 0


def epoch_costs(configs: Sequence[TrialConfig], rows: int, rounds: int) -> list[dict[str, Any]]:
    """Returns for each of `configs` what an epoch takes in a loop, over what it takes step by step."""
    return [_compare(config, rows_for(config, rows), rounds) for config in configs]


def _compare(config: TrialConfig, rows: int, rounds: int) -> dict[str, Any]:
    from trainables.training.training import Training

    examples = random_examples(rows)
    steps = -(-len(examples.train) // config.batch_size)
    network = Training(config, examples).network  # that of every training of this architecture
    looped = network.train_function
    network.make_train_function(force=True)
    ways = (looped, network.train_function)
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for _ in range(1 + rounds):
        for way, found in zip(ways, costs, strict=True):
            network.train_function = way
            found.append(epoch_cost(config, examples))
    network.train_function = looped
    ours, keras_own = (typical(found[1:]) for found in costs)  # the first one compiles
    return {
        "hidden_units": config.hidden_units,
        "batch_size": config.batch_size,
        "step_ms": 1000 * ours.wall_s / steps,
        "step_cpu_ms": 1000 * ours.cpu_s / steps,
        "wall_ratio": ours.wall_s / keras_own.wall_s,
        "cpu_ratio": ours.cpu_s / keras_own.cpu_s,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=__doc__)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=BATCH_SIZES)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
