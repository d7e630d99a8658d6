"""Extraction from JPEG files into the cache against the bare forward pass on the same images in memory.

    python -m benchmarks.features --images 256 --backbone resnet50_v2

They run in turns, on random weights, each in a process of its own: the bare pass a batch at a time on all
cores, extraction as the product does it. A share of 1 means that reading, decoding, resizing, writing and
progress cost nothing; CPU time is the steadier measure on a machine that others use too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.measure import (
    Cost,
    cost_of,
    machine,
    machine_in_words,
    own_process,
    typical,
    write_result,
)
from trainables.backbones.table import Backbone, find_backbone
from trainables.backbones.weights import build_backbone
from trainables.backends import extraction_backend, installed_backend
from trainables.features.cache import make_key
from trainables.features.extraction import BATCH_SIZE, BATCHES_AT_ONCE, build_forward, complete, fill
from trainables.features.images import load_batches
from trainables.process_setup import available_cores

PHOTO_PX = 816  # the side of an aligned Adience photo


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    backbone = find_backbone(arguments.backbone)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(backbone, arguments.images, arguments.rounds, Path(folder))
    _print(result)
    write_result(result, arguments.json)
    return 0


def measure(backbone: Backbone, images: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Returns the costs of both passes, round by round, and the share of the bare rate that extraction keeps.

    The share by wall time compares the least disturbed rounds, that by CPU time is the median of the
    pairs. Building and compiling the network is done before and counted in neither.
    """
    paths, digests = draw_photos(images, folder)
    keras_backend = os.environ.get("KERAS_BACKEND") or extraction_backend(installed_backend("auto"), gpus=0)
    with ExitStack() as stack:
        passing, extracting = (
            stack.enter_context(own_process(keras_backend, available_cores(), batches=batches))
            for batches in (1, BATCHES_AT_ONCE)
        )
        for process in (passing, extracting):
            process.submit(_get_ready, backbone, paths).result()
        bare, extraction = [], []
        for number in range(rounds):
            bare.append(passing.submit(_pass).result())
            cache = folder / f"cache-{number}"
            extraction.append(extracting.submit(_extract, backbone, paths, digests, cache).result())
    return {
        "benchmark": "features",
        "backbone": backbone.name,
        "keras_backend": keras_backend,
        "images": images,
        "wall_share": typical(bare).wall_s / typical(extraction).wall_s,
        "cpu_share": median(alone.cpu_s / whole.cpu_s for alone, whole in zip(bare, extraction, strict=True)),
        "images_per_second": images / typical(extraction).wall_s,
        "bare": [asdict(cost) for cost in bare],
        "extraction": [asdict(cost) for cost in extraction],
        "machine": machine(),
    }


def draw_photos(images: int, folder: Path) -> tuple[list[Path], list[str]]:
    """Writes `images` JPEG files of PHOTO_PX a side (about 200 kB each); returns their paths and digests."""
    rng = np.random.default_rng(0)
    paths, digests = [], []
    for number in range(images):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((PHOTO_PX, PHOTO_PX), Image.Resampling.BICUBIC))
        grain = rng.integers(-12, 13, smooth.shape, dtype=np.int16)
        path = folder / f"{number}.jpg"
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)
        paths.append(path)
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest()[:32])
    return paths, digests


_READY: dict[str, Any] = {}  # of a process: the compiled pass, and the batches in memory


def _get_ready(backbone: Backbone, paths: Sequence[Path]) -> None:
    _READY["batches"] = list(load_batches(paths, backbone.input_px, BATCH_SIZE))
    _READY["forward"] = build_forward(backbone, build_backbone(backbone, "none"), BATCH_SIZE)
    _READY["forward"](_READY["batches"][0])


def _pass() -> Cost:
    return cost_of(lambda: [_READY["forward"](batch) for batch in _READY["batches"]])


def _extract(backbone: Backbone, paths: list[Path], digests: list[str], cache: Path) -> Cost:
    key = make_key(backbone, "benchmark", digests)

    def compute(missing: list[range]) -> float:
        return fill(key, cache, missing, paths, digests, _READY["forward"], BATCH_SIZE)

    return cost_of(lambda: complete(key, cache, compute, {}))


def _print(result: dict[str, Any]) -> None:
    print(f"{result['backbone']}, {result['images']} images, {len(result['bare'])} rounds in turns")
    for name in ("bare", "extraction"):
        costs = result[name]
        wall = min(cost["wall_s"] for cost in costs) * 1000 / result["images"]
        cpu = median(cost["cpu_s"] for cost in costs) * 1000 / result["images"]
        print(f"  {name:<11} {wall:6.1f} ms wall an image (best), {cpu:6.1f} ms CPU (median)")
    print(
        f"  extraction keeps {result['wall_share']:.1%} of the bare rate by wall time (best rounds), "
        f"{result['cpu_share']:.1%} by CPU time"
    )
    print(f"  Keras on {result['keras_backend']}; {machine_in_words(result['machine'])}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.features",
        description="Extraction from JPEG files into the cache against the bare forward pass.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=256, help="photographs to draw")
    parser.add_argument("--backbone", default="resnet50_v2", help="a frozen backbone")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each pass")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
