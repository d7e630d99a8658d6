"""The same search by a plain Ray Tune and Keras script and by us, and what the report's study would take.

    python -m benchmarks.naive --images 256 --epochs 5 --trials 4

The ratio is measured on whole programs run in turns (see `benchmarks.trial`). The projection to the
report's staged study is arithmetic on costs measured in the same run, and says so. It flatters the plain
script: what an image costs at batch 32 is taken for all batch sizes, though at 1 it costs more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.heads import step_costs
from benchmarks.measure import in_own_process, machine, machine_in_words, write_result
from benchmarks.projection import (
    EPOCHS,
    IMAGES,
    OurCosts,
    PlainCosts,
    Projection,
    project,
    shapes,
    study_configs,
)
from benchmarks.side_by_side import COLD, PLAIN, WARM, Run, Task, in_words, run_in_turns, summary
from search.space.stages import STAGES
from trainables.process_setup import available_cores

HEAD_ROUNDS = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    task = Task(
        images=arguments.images,
        epochs=arguments.epochs,
        learning_rates=STAGES["lr"].values[: arguments.trials],
    )
    with tempfile.TemporaryDirectory() as folder:
        runs = run_in_turns(task, arguments.rounds, Path(folder), _say)
    _say("timing head steps for the projection")
    head_step_s = measure_head_steps(arguments.head_rows, runs[WARM][0].report["keras_backend"])
    plain, ours = plain_costs(runs[PLAIN], task.images), our_costs(runs, task.images, head_step_s)
    projection = project(study_configs(), IMAGES, plain, ours)
    result: dict[str, Any] = {
        "benchmark": "naive",
        "images": task.images,
        "epochs": task.epochs,
        "learning_rates": list(task.learning_rates),
        **summary(runs),
        "costs": {"plain": asdict(plain), "ours": asdict(ours)},
        "projection": {
            **asdict(projection),
            "ratio": projection.ratio,
            "ratio_on_cached_features": projection.ratio_on_cached_features,
        },
        "machine": machine(),
    }
    print("\n".join([_task_in_words(result), *in_words(runs), *_in_words(plain, ours, projection)]))
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


def plain_costs(runs: Sequence[Run], images: int) -> PlainCosts:
    """Returns the costs of the plain script, from runs on `images` in all."""
    return PlainCosts(
        image_epoch_s=median(run.epoch_s() for run in runs) / images,
        trial_overhead_s=median(run.overhead_s() for run in runs),
    )


def our_costs(runs: Mapping[str, Sequence[Run]], images: int, head_step_s: Mapping[str, float]) -> OurCosts:
    """Returns our costs, from cold and warm runs on `images` in all; what they leave open is overhead."""
    image_s = median(1 / run.report["images_per_second"] for run in runs[COLD])
    extraction_s = median(
        cold.cost.wall_s - warm.cost.wall_s for cold, warm in zip(runs[COLD], runs[WARM], strict=True)
    )
    return OurCosts(
        head_step_s=head_step_s,
        trial_overhead_s=median(run.overhead_s() for run in runs[WARM]),
        image_s=image_s,
        extraction_overhead_s=max(0.0, extraction_s - images * image_s),
    )


def measure_head_steps(rows: int, keras_backend: str) -> dict[str, float]:
    """Returns the seconds of a head's step, validation included, for each shape of the report's study.

    Epochs on at most `rows` random examples, in a process of its own with a trial's threads.
    """
    by_shape = shapes(study_configs())
    costs = in_own_process(
        keras_backend, min(2, available_cores()), step_costs, list(by_shape.values()), rows, HEAD_ROUNDS
    )
    return {shape: cost.wall_s for shape, cost in zip(by_shape, costs, strict=True)}


def _task_in_words(result: dict[str, Any]) -> str:
    rates = ", ".join(f"{rate:g}" for rate in result["learning_rates"])
    return (
        f"one search: resnet50_v2 (random weights), {result['images']} drawn photographs, learning rates "
        f"{rates}, {result['epochs']} epochs; ours on {result['keras_backend']}, plain on tensorflow"
    )


def _in_words(plain: PlainCosts, ours: OurCosts, projection: Projection) -> list[str]:
    steps = "; ".join(f"{shape}: {seconds * 1000:.1f}" for shape, seconds in ours.head_step_s.items())
    return [
        f"  measured: plain {plain.image_epoch_s * 1000:.1f} ms an image and epoch, "
        f"{plain.trial_overhead_s:.1f} s a trial beyond; ours {ours.image_s * 1000:.1f} ms an image once "
        f"and {ours.extraction_overhead_s:.1f} s, {ours.trial_overhead_s:.1f} s a trial beyond its steps",
        f"  head step in ms, validation included: {steps}",
        f"  PROJECTION, not run: {IMAGES:,} images, {len(study_configs())} trials of {EPOCHS} epochs: "
        f"plain {_duration(projection.plain_s)}, ours {_duration(projection.ours_s)} "
        f"({_duration(projection.extraction_s)} of it extraction): {projection.ratio:.0f}x, "
        f"{projection.ratio_on_cached_features:.0f}x on cached features",
    ]


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _trials(text: str) -> int:
    rates = len(STAGES["lr"].values)
    if text.isdecimal() and 1 <= int(text) <= rates:
        return int(text)
    raise argparse.ArgumentTypeError(f"the stage lr has 1 to {rates} trials, received {text!r}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.naive",
        description="A search by a plain Ray Tune and Keras script and by us, and a projection.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=256, help="photographs to draw, 40 or more")
    parser.add_argument("--epochs", type=int, default=5, help="of every trial")
    parser.add_argument("--trials", type=_trials, default=4, help="learning rates of the stage lr to try")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each side")
    parser.add_argument("--head-rows", type=int, default=5120, help="random examples for the head's steps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
