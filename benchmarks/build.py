"""The check of a build against the decoding of the same JPEG files by a thread a core, and nothing else.

    python -m benchmarks.build --images 400

Both run in turns on drawn photographs of Adience's size. A share of 1 means that reading, digests, the search
for damage and progress cost nothing; it is above 1 where the build decodes at a smaller scale.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.features import PHOTO_PX, draw_photos
from benchmarks.measure import cost_of, machine, machine_in_words, typical, write_result
from data_prep.image_check import check_images

TO_REACH = 0.9


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code: 1 where the build is below TO_REACH."""
    arguments = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(arguments.images, arguments.rounds, Path(folder))
    _print(result)
    write_result(result, arguments.json)
    return 0 if result["share"] >= TO_REACH else 1


def measure(images: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Returns the costs of both, round by round, and the share of the bare speed that a build has."""
    paths, digests = draw_photos(images, folder)
    names = [path.name for path in paths]
    bare, build = [], []
    for _ in range(rounds):
        bare.append(cost_of(lambda: _decode_all(paths)))
        build.append(cost_of(lambda: _require_digests(check_images(folder, names).digests, digests)))
    return {
        "benchmark": "build",
        "images": images,
        "share": typical(bare).wall_s / typical(build).wall_s,
        "images_per_second": images / typical(build).wall_s,
        "bare": [asdict(cost) for cost in bare],
        "build": [asdict(cost) for cost in build],
        "machine": machine(),
    }


def _decode_all(paths: Sequence[Path]) -> None:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(_decode, paths):
            pass


def _decode(path: Path) -> None:
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        image.load()


def _require_digests(found: Sequence[str | None], expected: Sequence[str]) -> None:
    if list(found) != list(expected):
        raise ValueError("the build refused drawn photographs; something is wrong with it")


def _print(result: dict[str, Any]) -> None:
    print(f"{result['images']} JPEG files of {PHOTO_PX} x {PHOTO_PX}, {len(result['bare'])} rounds in turns")
    for name in ("bare", "build"):
        wall, cpu = (min(cost[kind] for cost in result[name]) for kind in ("wall_s", "cpu_s"))
        each = 1000 / result["images"]
        print(f"  {name:<6} {wall * each:6.2f} ms wall, {cpu * each:6.2f} ms CPU an image (best)")
    print(f"  the build has {result['share']:.0%} of the speed of decoding; to reach: {TO_REACH:.0%}")
    print(f"  {machine_in_words(result['machine'])}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.build",
        description="The check of a build against the bare decoding of the same JPEG files.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=400, help="photographs to draw")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
