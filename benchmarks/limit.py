"""How near the machine's limit: an epoch of a head and a pass of the backbone over the least they could take.

    python -m benchmarks.limit --rounds 3

The matrix peak and the memory's bandwidth are measured in the same processes, in turns with the work. A
ratio of 1 is the machine's own limit. Beside it stands the ratio over what the installed libraries can
give: the step's own matrix products by numpy, and one pass of Adam at the bandwidth. The same head by Keras'
plain `fit` on TensorFlow runs before and after.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.floors import (
    Peak,
    PeakMeter,
    StepProducts,
    adam_floor,
    step_floor,
    validation_floor,
    weight_count,
)
from benchmarks.heads import epoch_cost, plain_fit_costs, random_examples, rows_for
from benchmarks.measure import (
    Cost,
    cost_of,
    in_own_process,
    machine,
    machine_in_words,
    typical,
    write_result,
)
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone
from trainables.backends import installed_backend
from trainables.features.extraction import build_forward
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

BATCH_SIZES = (1, 8, 32, 64)
FORWARD_IMAGES = 32
PASSES_A_ROUND = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    backend = installed_backend(arguments.keras_backend)
    limits = (arguments.threads, arguments.rounds)
    configs = [TrialConfig(batch_size=size) for size in BATCH_SIZES]
    plain = (configs, arguments.rows, arguments.rounds)
    fits = in_own_process("tensorflow", arguments.threads, plain_fit_costs, *plain)
    heads = in_own_process(backend, arguments.threads, measure_heads, arguments.rows, *limits)
    again = in_own_process("tensorflow", arguments.threads, plain_fit_costs, *plain)
    for row, before, after in zip(heads["epochs"], fits, again, strict=True):
        row |= fit_columns(row, typical([*before, *after]))
    backbone = in_own_process("tensorflow", arguments.threads, measure_backbone, arguments.backbone, *limits)
    result = {
        "benchmark": "limit",
        "keras_backend": backend,
        "threads": arguments.threads,
        "heads": heads,
        "backbone": backbone,
        "machine": machine(),
    }
    _print(result)
    write_result(result, arguments.json)
    return 0


def measure_heads(rows: int, threads: int, rounds: int) -> dict[str, Any]:
    """Returns the peak, and floors and costs of a head's epoch at each of BATCH_SIZES, on at most `rows`."""
    configs = [TrialConfig(batch_size=size) for size in BATCH_SIZES]
    examples = [random_examples(rows_for(config, rows)) for config in configs]
    products = [StepProducts(config) for config in configs]
    for config, read in zip(configs, examples, strict=True):
        epoch_cost(config, read)  # compiles
    meter = PeakMeter(threads)
    epochs: list[list[Cost]] = [[] for _ in configs]
    for _ in range(rounds):
        for number, config in enumerate(configs):
            meter.look()
            products[number].look(threads)
            epochs[number].append(epoch_cost(config, examples[number]))
    peak = meter.peak()
    return {
        **_peak_in_json(peak),
        "epochs": [
            head_row(config, len(read.train), len(read.validation), typical(costs), step.best(), peak)
            for config, read, costs, step in zip(configs, examples, epochs, products, strict=True)
        ],
    }


def head_row(
    config: TrialConfig, train: int, validation: int, epoch: Cost, products: Cost, peak: Peak
) -> dict[str, Any]:
    """Returns an epoch's cost beside its two floors; `products` is what a step's matrix products take."""
    weights, steps = weight_count(config.hidden_units), math.ceil(train / config.batch_size)
    validating = validation_floor(weights, validation, peak)
    floor = step_floor(config, peak) * steps + validating
    library = (products + adam_floor(config, peak)) * steps + validating
    return {
        "batch_size": config.batch_size,
        "steps": steps,
        "floor": asdict(floor),
        "library_floor": asdict(library),
        "ours": asdict(epoch),
        "wall_ratio": epoch.wall_s / floor.wall_s,
        "cpu_ratio": epoch.cpu_s / floor.cpu_s,
        "library_wall_ratio": epoch.wall_s / library.wall_s,
        "library_cpu_ratio": epoch.cpu_s / library.cpu_s,
    }


def fit_columns(row: dict[str, Any], plain: Cost) -> dict[str, Any]:
    """Returns what an epoch by a plain `fit` adds to the row of a batch size."""
    ours = row["ours"]
    return {
        "plain_fit": asdict(plain),
        "fit_wall_ratio": ours["wall_s"] / plain.wall_s,
        "fit_cpu_ratio": ours["cpu_s"] / plain.cpu_s,
    }


def measure_backbone(name: str, threads: int, rounds: int) -> dict[str, Any]:
    """Returns the peak, the floor and the cost of a pass of FORWARD_IMAGES that lie in memory decoded."""
    backbone = find_backbone(name)
    model = build_backbone(backbone, "none")
    forward = build_forward(backbone, model, FORWARD_IMAGES)
    shape = (FORWARD_IMAGES, backbone.input_px, backbone.input_px, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    forward(images)
    meter, passes = PeakMeter(threads), []
    for _ in range(rounds * PASSES_A_ROUND):
        meter.look()
        passes.append(cost_of(lambda: forward(images)))
    peak, ours = meter.peak(), typical(passes)
    flops = forward_flops(model)
    floor = peak.flop * (flops * FORWARD_IMAGES)
    return {
        **_peak_in_json(peak),
        "backbone": name,
        "images": FORWARD_IMAGES,
        "gigaflops_an_image": flops / 1e9,
        "floor": asdict(floor),
        "ours": asdict(ours),
        "wall_ratio": ours.wall_s / floor.wall_s,
        "cpu_ratio": ours.cpu_s / floor.cpu_s,
    }


def forward_flops(model: Any) -> int:
    """Returns the operations of convolutions and dense layers for one image: two a multiplication."""
    return sum(
        2 * math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
        for layer in model.layers
        if hasattr(layer, "kernel")
    )


def _peak_in_json(peak: Peak) -> dict[str, float]:
    return {
        "gflops": peak.gflops,
        "gigabytes_a_second": peak.gigabytes_a_second,
        "copied_gigabytes_a_second": peak.copied_gigabytes_a_second,
    }


def _print(result: dict[str, Any]) -> None:
    heads, backbone = result["heads"], result["backbone"]
    print(
        f"head 1024/512/256 on {result['keras_backend']}, {result['threads']} threads, an epoch; "
        f"{_peak_in_words(heads)}"
    )
    print(
        "  batch  floor ms a step     ours  over the floor (CPU)  over the libraries' (CPU)"
        "  of a plain fit on TensorFlow (CPU)"
    )
    for row in heads["epochs"]:
        print(head_line(row))
    print(f"{backbone['backbone']} on tensorflow, {backbone['images']} images; {_peak_in_words(backbone)}")
    print(
        f"  {backbone['gigaflops_an_image']:.2f} GFLOP an image: floor "
        f"{backbone['floor']['wall_s'] * 1000 / backbone['images']:.1f} ms, "
        f"ours {backbone['ours']['wall_s'] * 1000 / backbone['images']:.1f} ms wall, "
        f"{backbone['wall_ratio']:.2f}x the floor by wall time, {backbone['cpu_ratio']:.2f}x by CPU time"
    )
    print(f"  {machine_in_words(result['machine'])}")


def head_line(row: dict[str, Any]) -> str:
    """Returns a batch size's line of the table, in milliseconds of wall time a step."""
    floor, ours = (row[name]["wall_s"] * 1000 / row["steps"] for name in ("floor", "ours"))
    ratios = f"{row['wall_ratio']:.2f}x ({row['cpu_ratio']:.2f}x)"
    library = f"{row['library_wall_ratio']:.2f}x ({row['library_cpu_ratio']:.2f}x)"
    fit = f"{row['fit_wall_ratio']:.2f} ({row['fit_cpu_ratio']:.2f})"
    return f"  {row['batch_size']:>5} {floor:>16.2f} {ours:>8.2f} {ratios:>21} {library:>26} {fit:>35}"


def _peak_in_words(measured: dict[str, Any]) -> str:
    return (
        f"peak {measured['gflops']:.0f} GFLOP/s, in place {measured['gigabytes_a_second']:.0f} GB/s, "
        f"copy {measured['copied_gigabytes_a_second']:.0f} GB/s"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.limit",
        description="An epoch of a head and a pass of the backbone over what the machine could do at best.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=5120, help="examples of the head's epoch, at most")
    parser.add_argument("--backbone", choices=("resnet50_v2", "inception_v3"), default="resnet50_v2")
    parser.add_argument("--keras-backend", default="auto", help="that trains the heads")
    parser.add_argument("--threads", type=int, default=min(2, available_cores()), help="of everything")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
