"""Rows of a large label file: time and memory of counting them, of the manifest's digest and of every split.

    python -m benchmarks.rows --rows 1000000

To reach at a million rows: 60 s for each step, and 2 GB.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.measure import machine, write_result
from data_prep.datasets.folder import load_folder
from data_prep.datasets.labels import Labels
from data_prep.datasets.own_folder.folder_rules import FolderRules
from data_prep.manifest import Manifest
from data_prep.splits import make_splits

Value = TypeVar("Value")
Step = dict[str, float]

ROWS_IN_A_GROUP = 4
PROTOCOLS = ("random", "group", "folds", "kfold:5")


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the seconds of each step and the most memory of the process so far; returns 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    arguments = parser.parse_args(argv)
    rows, steps = arguments.rows, dict[str, Step]()
    with tempfile.TemporaryDirectory() as folder:
        write_labels(Path(folder) / "labels.csv", rows)
        rules = FolderRules(look_for_images=False)
        labels = _timed(steps, "labels only", lambda: load_folder(Path(folder), rules=rules))
        manifest = _timed(steps, "manifest, digest", lambda: _manifest(labels))
    for protocol in PROTOCOLS:
        _timed(steps, f"split {protocol}", lambda protocol=protocol: make_splits(manifest, protocol))
    write_result({"benchmark": "rows", "rows": rows, "steps": steps, "machine": machine()}, arguments.json)
    return 0


def write_labels(path: Path, rows: int) -> None:
    """Writes a CSV file of two classes, five folds and groups of about `ROWS_IN_A_GROUP` rows."""
    group = np.random.default_rng(1).integers(0, max(rows // ROWS_IN_A_GROUP, 20), rows)
    with path.open("w", encoding="utf-8") as file:
        file.write("path,label,group,fold\n")
        for row, owner in enumerate(group.tolist()):
            name = f"{row % 1000:03d}/{row:07d}.jpg"
            file.write(f"{name},{('cat', 'dog')[owner % 3 == 0]},person {owner},{owner % 5}\n")


def _manifest(labels: Labels) -> Manifest:
    digests = [f"{row:032x}" for row in range(len(labels.table))]
    return Manifest.of(
        labels.table,
        labels.root,
        digests,
        class_names=labels.class_names,
        group_kind=labels.group_kind,
    )


def _timed(steps: dict[str, Step], step: str, do: Callable[[], Value]) -> Value:
    started = time.perf_counter(), time.process_time()
    value = do()
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps[step] = {"wall_s": wall, "cpu_s": cpu, "peak_gib": peak}
    print(f"{step:<18}{wall:>7.1f} s  {cpu:>7.1f} s CPU  {peak:>6.2f} GiB")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
