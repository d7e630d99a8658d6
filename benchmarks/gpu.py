"""On a GPU: packs of heads in one program, the report's 20 trials, and the grid of 576 configurations.

    python -m benchmarks.gpu --parts packs study grid

Features are random, of Adience's size, and lie in the cache before the clock starts. The time of a head's
epoch is that of its pack divided by the heads; its share of the bandwidth is the least traffic of its
steps (weights twice, gradients written and read, Adam's seven passes) over what the GPU moves where an
array is changed in place, measured in the same process. Study and grid give each pack a quarter of the GPU,
so that four compile at a time. Needs JAX with a GPU.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.floors import FLOAT_BYTES, SAMPLES, weight_count
from benchmarks.heads import random_examples
from benchmarks.measure import in_own_process, machine, machine_in_words, write_result
from benchmarks.projection import EPOCHS, IMAGES, study_configs
from benchmarks.studies import random_problem
from data_prep.command_line.exit_codes import exit_code
from data_prep.errors import InputError
from search.space.joint_space import VARIED, grid_of, joint_space
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

PACKS = (1, 4, 16, 64)
PARTS = ("packs", "study", "grid")
GPU_ARRAY_BYTES, TIMES = 2**28, 10  # far more than what a GPU keeps near its cores
STEP_PASSES = 4 + 7  # over the weights: products and gradients, and Adam


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments), "interrupted")


def _run(arguments: argparse.Namespace) -> None:
    devices = in_own_process("jax", available_cores(), gpus)
    if not devices:
        raise InputError("benchmarks.gpu needs a GPU that JAX can use, there is none; run it where there is")
    result: dict[str, Any] = {"benchmark": "gpu", "devices": devices, "images": arguments.images}
    if "packs" in arguments.parts:
        base = TrialConfig(dropout=0.3)
        measured = in_own_process(
            "jax", available_cores(), measure_packs, base, arguments.packs, arguments.images, arguments.rounds
        )
        result["packs"] = measured
        print("\n".join(pack_lines(measured)), flush=True)
    for part, configs in (("study", study_configs()), ("grid", grid_configs())):
        if part in arguments.parts:
            trials = [replace(config, epochs=arguments.epochs) for config in configs]
            result[part] = in_own_process("jax", 1, measure_study, trials, arguments.images, arguments.share)
            print(study_line(part, result[part]), flush=True)
    result["machine"] = machine()
    print(f"  {', '.join(devices)}; {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)


def gpus() -> list[str]:
    """Returns the names of the GPUs that JAX can use in this process."""
    import jax

    return [device.device_kind for device in jax.devices() if device.platform == "gpu"]


def grid_configs() -> list[TrialConfig]:
    """Returns the 576 configurations of the joint grid."""
    return grid_of(TrialConfig(), joint_space(VARIED, {}, ranges=False))


def measure_packs(base: TrialConfig, packs: Sequence[int], rows: int, rounds: int) -> dict[str, Any]:
    """Returns the bandwidth, and for each size of a pack what an epoch of one of its heads like `base` takes.

    It is the least of `rounds` after one to compile, on `rows` random examples.
    """
    from trainables.training.packed import PackedTraining

    examples, bandwidth = random_examples(rows), bytes_a_second()
    steps = math.ceil(len(examples.train) / base.batch_size)
    measured = []
    for size in packs:
        heads = [replace(base, seed=seed, epochs=rounds + 1) for seed in range(size)]
        _, *epochs = PackedTraining(heads, examples).epochs()
        seconds = min(epoch[0].seconds for epoch in epochs)  # the epoch's, divided by its heads
        measured.append(pack_row(base, size, steps, seconds, bandwidth))
    return {"gigabytes_a_second": bandwidth / 1e9, "steps": steps, "packs": measured}


def pack_row(
    config: TrialConfig, size: int, steps: int, head_epoch_s: float, bandwidth: float
) -> dict[str, Any]:
    """Returns the time of a head's epoch beside its share of the bandwidth, bytes a second."""
    traffic = STEP_PASSES * FLOAT_BYTES * weight_count(config.hidden_units) * steps
    return {
        "heads": size,
        "head_epoch_s": head_epoch_s,
        "head_step_us": 1e6 * head_epoch_s / steps,
        "bandwidth_share": traffic / head_epoch_s / bandwidth,
    }


def bytes_a_second() -> float:
    """Returns the bytes read and written a second where the device changes a large array in place."""
    import jax
    import jax.numpy as jnp

    # many times in one program: one by one, on an H200 the start of each took longer than its bytes
    program = jax.jit(lambda values: jax.lax.fori_loop(0, TIMES, lambda _, each: -each, values))
    values = jnp.ones(GPU_ARRAY_BYTES // FLOAT_BYTES, jnp.float32)
    program(values).block_until_ready()
    seconds = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        program(values).block_until_ready()
        seconds.append(time.perf_counter() - started)
    return 2 * TIMES * GPU_ARRAY_BYTES / min(seconds)


def measure_study(configs: Sequence[TrialConfig], images: int, gpus_per_trial: float) -> dict[str, Any]:
    """Returns how long the driver trains `configs` on features that are there, Ray's start included."""
    from search.callbacks.progress_display import ProgressDisplay
    from search.options.run_groups import MachineOptions
    from search.ray_tune.driver import Driver
    from search.ray_tune.policy import Policy
    from search.study.ledger import Ledger
    from trainables.trial import TrialStatus

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        problem, ledger = random_problem(folder, images, "jax"), Ledger(folder)
        trials = [problem.trial(config, problem.splits[0].name) for config in configs]
        cpus = max(1, int(available_cores() * min(1.0, gpus_per_trial)))
        resources = MachineOptions(cpus_per_trial=cpus, gpus_per_trial=gpus_per_trial)
        started = time.perf_counter()
        with (
            Driver(problem, folder / "cache", folder / "checkpoints", resources, ledger.record) as driver,
            ProgressDisplay("trials", len(trials), str, Console(file=io.StringIO())) as progress,
        ):
            results = driver.train(trials, progress, Policy()).values()
        seconds = time.perf_counter() - started
    return {
        "trials": len(trials),
        "completed": sum(result.status is TrialStatus.COMPLETED for result in results),
        "packed": sum("packed" in result.made_by for result in results),
        "seconds": seconds,
    }


def pack_lines(measured: dict[str, Any]) -> list[str]:
    """Returns a line for each size of a pack."""
    first = measured["packs"][0]["head_epoch_s"]
    return [
        f"{measured['steps']} steps an epoch; in place {measured['gigabytes_a_second']:.0f} GB/s",
        *(
            f"  {row['heads']:>3} heads: {row['head_epoch_s'] * 1000:8.2f} ms an epoch of one, "
            f"{row['head_step_us']:.0f} us a step, {first / row['head_epoch_s']:.1f}x, "
            f"{row['bandwidth_share']:.1%} of the bandwidth"
            for row in measured["packs"]
        ),
    ]


def study_line(part: str, measured: dict[str, Any]) -> str:
    """Returns what a study took, as a line."""
    return (
        f"{part}: {measured['trials']} trials in {measured['seconds']:.1f} s, "
        f"{measured['completed']} completed, {measured['packed']} of them in packs"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Packs of heads, the report's study and the joint grid on a GPU.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to run")
    parser.add_argument("--packs", type=int, nargs="+", default=list(PACKS), metavar="N", help="heads a pack")
    parser.add_argument("--images", type=int, default=IMAGES, help="rows of features")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of each trial of study and grid")
    parser.add_argument("--share", type=float, default=0.25, help="of the GPU for a pack of study and grid")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each pack that are timed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
