"""The least that a study could take: all its steps and validations, and the backbone's pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.floors import (
    PeakMeter,
    StepProducts,
    adam_floor,
    step_floor,
    validation_floor,
    weight_count,
)
from benchmarks.limit import measure_backbone
from benchmarks.measure import Cost, in_own_process
from benchmarks.projection import shape_of, shapes, steps_an_epoch
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

ROUNDS = 2


def floors_of(configs: Sequence[TrialConfig], images: int) -> dict[str, Any]:
    """Returns the least seconds of all steps, by machine and libraries, and of the backbone's pass.

    Under `of_trials` are those of each trial's steps, by the libraries.
    """
    threads = min(2, available_cores())
    steps = in_own_process("tensorflow", threads, step_floors, configs, images, threads)
    passed = in_own_process("tensorflow", threads, measure_backbone, TrialConfig.backbone, threads, ROUNDS)
    by_machine, by_libraries = zip(*steps, strict=True)
    return {
        "steps": sum(by_machine),
        "steps_of_libraries": sum(by_libraries),
        "of_trials": list(by_libraries),
        "backbone": passed["floor"]["wall_s"] / passed["images"] * images,
        "bare_pass": passed["ours"]["wall_s"] / passed["images"] * images,
    }


def step_floors(configs: Sequence[TrialConfig], images: int, threads: int) -> list[tuple[float, float]]:
    """Returns the least wall seconds of the steps and validations of each of `configs`, measured here.

    The first number is what the machine could do, the second what the libraries' products can.
    """
    meter = PeakMeter(threads)
    products = {shape: StepProducts(config) for shape, config in shapes(configs).items()}
    for _ in range(ROUNDS):
        for product in products.values():
            meter.look()
            product.look(threads)
    peak, validation_rows = meter.peak(), images - round(0.8 * images)
    found = []
    for config in configs:
        steps = steps_an_epoch(images, config.batch_size)
        validating = validation_floor(weight_count(config.hidden_units), validation_rows, peak)
        least: list[Cost] = [
            step_floor(config, peak),
            products[shape_of(config)].best() + adam_floor(config, peak),
        ]
        by_machine, by_library = ((step * steps + validating).wall_s * config.epochs for step in least)
        found.append((by_machine, by_library))
    return found
