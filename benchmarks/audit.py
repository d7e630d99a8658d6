"""python -m benchmarks.audit: how long the audit takes of pictures and features that are made up.

Every hundredth picture is nearly that before it, and every fiftieth label is wrong. No picture is decoded:
that is a part of the build.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measure import machine, write_result
from data_prep.audit.auditing import audit
from data_prep.manifest import Manifest
from data_prep.pictures.look import HASH_BITS, Look
from data_prep.splits import make_splits

TARGET_S = 120


def made_up(images: int, features: int, classes: int = 2) -> tuple[Manifest, list[Look], np.ndarray]:
    """Returns a manifest, the looks of its pictures, and their features, float32 `(images, features)`."""
    random = np.random.default_rng(0)
    bits = random.random((images, HASH_BITS)) < 0.5
    labels = random.integers(0, classes, images)
    values = random.normal(size=(images, features)).astype(np.float32)
    values[:, : features // 10] += labels[:, None]
    copies = np.arange(100, images, 100)
    bits[copies], values[copies] = bits[copies - 1], values[copies - 1] + 0.01
    given = np.where(np.arange(images) % 50 == 0, (labels + 1) % classes, labels)
    return _manifest(given), [_look(row, bits[row]) for row in range(images)], values


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the seconds of the audit without and with features."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    options = parser.parse_args(argv)
    result: dict[str, Any] = {"benchmark": "audit", "images": options.images}
    manifest, looks, values = made_up(options.images, options.features)
    splits = make_splits(manifest, "random")
    for name, given in (("without features", None), ("with features", values)):
        started, cpu_started = time.perf_counter(), time.process_time()
        found = audit(manifest, looks, splits, given)
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
        took = f"{wall_s:.1f} s, {cpu_s:.1f} s of CPU time (target {TARGET_S} s)"
        print(f"{options.images:,} pictures {name}: {took}")
        result[name] = {"wall_s": wall_s, "cpu_s": cpu_s}
    print(found.to_text())
    write_result(result | {"machine": machine()}, options.json)
    return 0


def _manifest(labels: np.ndarray) -> Manifest:
    rows = range(labels.size)
    table = pd.DataFrame(
        {
            "path": [f"{row}.jpg" for row in rows],
            "label": labels,
            "subject": None,
            "fold": None,
            "age": None,
            "source": "folder",
            "width": 224,
            "height": 224,
            "mode": "RGB",
        }
    )
    digests = [f"{row:032x}" for row in rows]
    names = [f"class {number}" for number in range(int(labels.max()) + 1)]
    return Manifest.of(table, Path(tempfile.gettempdir()), digests, class_names=names)


def _look(row: int, bits: np.ndarray) -> Look:
    shape = np.packbits(bits).tobytes().hex()
    return Look(pixels=str(row), shape=shape, brightness=100.0, contrast=50.0, sharpness=10.0)


if __name__ == "__main__":
    sys.exit(main())
