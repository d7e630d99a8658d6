"""The picture of the searches: held-out balanced accuracy over CPU time, from files that --json wrote.

python -m benchmarks.accuracy.picture faces.json flowers.json --out accuracy.svg
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy.curves import by_search, mean_curve

WIDTH_IN, HEIGHT_IN = 5.5, 3.8


def main(argv: Sequence[str] | None = None) -> int:
    """Draws the picture and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy.picture", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="files of --json")
    parser.add_argument("--out", type=Path, required=True, help="the picture (.svg or .png)")
    arguments = parser.parse_args(argv)
    draw([json.loads(path.read_bytes()) for path in arguments.results], arguments.out)
    return 0


def draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws a panel for each result: the mean over seeds of each search, and where each run ended."""
    import matplotlib
    from matplotlib.figure import Figure

    # the same bytes for the same figures: no date, no random names
    matplotlib.rcParams.update({"svg.hashsalt": "accuracy", "svg.fonttype": "path"})
    figure = Figure(figsize=(WIDTH_IN * len(results), HEIGHT_IN), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for panel, result in zip(panels, results, strict=True):
        _panel(panel, result)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def _panel(panel: Any, result: Mapping[str, Any]) -> None:
    for number, (search, runs) in enumerate(by_search(result["runs"]).items()):
        curve = mean_curve(runs)
        end = max(run["cpu_s"] for run in runs)
        moments, means = zip(*curve, (end, curve[-1][1]), strict=True)
        style = {"color": f"C{number}", "linewidth": 2.5 if number == 0 else 1.2}
        panel.step(moments, means, where="post", label=search, marker="." if len(curve) == 1 else "", **style)
    panel.set_xlim(left=0)
    panel.set_xlabel("CPU seconds of all processes")
    panel.set_ylabel("held-out balanced accuracy")
    seeds = max(run["seed"] for run in result["runs"])
    over = "one seed" if seeds == 1 else f"mean of {seeds} seeds"
    panel.set_title(f"{result['photographs']}, {result['backbone']}: the best so far, {over}", fontsize=10)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)


if __name__ == "__main__":
    sys.exit(main())
