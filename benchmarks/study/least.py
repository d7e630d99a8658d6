"""The least that a study could take: all its steps and validations, and the backbone's pass."""

from __future__ import annotations

from collections.abc import Sequence

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


def floors_of(configs: Sequence[TrialConfig], images: int) -> dict[str, float]:
    """Returns the least seconds of all steps, by machine and libraries, and of the backbone's pass."""
    threads = min(2, available_cores())
    steps = in_own_process("tensorflow", threads, step_floors, configs, images, threads)
    passed = in_own_process("tensorflow", threads, measure_backbone, TrialConfig.backbone, threads, ROUNDS)
    return {
        **steps,
        "backbone": passed["floor"]["wall_s"] / passed["images"] * images,
        "bare_pass": passed["ours"]["wall_s"] / passed["images"] * images,
    }


def step_floors(configs: Sequence[TrialConfig], images: int, threads: int) -> dict[str, float]:
    """Returns the least wall seconds of the steps and validations of `configs`, measured in this process."""
    meter, products = (
        PeakMeter(threads),
        {
            shape: StepProducts(config.hidden_units, config.batch_size)
            for shape, config in shapes(configs).items()
        },
    )
    for _ in range(ROUNDS):
        for product in products.values():
            meter.look()
            product.look(threads)
    peak, validation_rows = meter.peak(), images - round(0.8 * images)
    machine_s = library_s = 0.0
    for config in configs:
        weights, batch_size = weight_count(config.hidden_units), config.batch_size
        steps, validating = (
            steps_an_epoch(images, batch_size),
            validation_floor(weights, validation_rows, peak),
        )
        least: list[Cost] = [
            step_floor(weights, batch_size, peak),
            products[shape_of(config)].best() + adam_floor(weights, peak),
        ]
        by_machine, by_library = ((step * steps + validating).wall_s * config.epochs for step in least)
        machine_s, library_s = machine_s + by_machine, library_s + by_library
    return {"steps": machine_s, "steps_of_libraries": library_s}
