"""Training on images: which share of a step waits for data.

    python -m benchmarks.pipeline --steps 6

The pictures lie decoded in a memory-mapped file, as in the cache; a thread cuts and flips the next batches
while the network is at work. Waiting is the time from asking for a batch to having it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.image_steps import Steps, time_steps
from benchmarks.measure import in_own_process, machine, machine_in_words, write_result
from trainables.backends import installed_backend
from trainables.hyperparameters import AUGMENTATIONS
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    backend = installed_backend(arguments.keras_backend)
    config = TrialConfig(
        backbone=arguments.backbone,
        batch_size=arguments.batch_size,
        unfrozen_blocks=0 if arguments.backbone == "hassner" else arguments.blocks,
        hidden_units=(512, 512),
    )
    timed = {
        augment: in_own_process(
            backend, available_cores(), time_steps, replace(config, augment=augment), arguments.steps
        )
        for augment in AUGMENTATIONS
    }
    result: dict[str, Any] = {
        "benchmark": "pipeline",
        "backbone": config.backbone,
        "batch_size": config.batch_size,
        "keras_backend": backend,
        "augment": {
            name: {**asdict(steps), "waiting_share": steps.waiting_share} for name, steps in timed.items()
        },
        "machine": machine(),
    }
    print(f"{config.backbone}, batch {config.batch_size}, {arguments.steps} steps on {backend}")
    for name, steps in timed.items():
        print(f"  {name:<9}  {_in_words(steps)}")
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


def _in_words(steps: Steps) -> str:
    return (
        f"{steps.images / steps.total_s:6.1f} images/s, waiting for data {100 * steps.waiting_share:.2f} % "
        f"of {1000 * steps.total_s / steps.steps:,.0f} ms a step"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pipeline",
        description="Training on images: which share of a step waits for data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--backbone", default="hassner", help="hassner, or a pretrained one to unfreeze")
    parser.add_argument("--blocks", type=int, default=1, help="unfrozen blocks of a pretrained backbone")
    parser.add_argument("--batch-size", type=int, default=32, help="images a step")
    parser.add_argument("--steps", type=int, default=6, help="timed, after two that compile")
    parser.add_argument("--keras-backend", default="auto", help="tensorflow, jax or auto")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
