"""The page of what benchmarks said over time, drawn from the files that they wrote with --json.

    python -m benchmarks.history

Writes docs/speed-history.md from benchmarks/history/*.json. A file is added by copying what `--json` wrote
into that folder, named by day and benchmark, and running the command again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import LIBRARIES

ROOT = Path(__file__).parents[1]
FILES, PAGE = ROOT / "benchmarks" / "history", ROOT / "docs" / "speed-history.md"
SHOWN_LIBRARIES = tuple(name for name in LIBRARIES if name != "pillow")
HEAD = """# Measurements over time

What the programs of [benchmarks](../benchmarks/README.md) said, run after run, drawn by
`python -m benchmarks.history` from the files in `benchmarks/history/`, which have every single figure.
Compare ratios, and seconds only within one machine and load: on a machine that others use, too, wall times
swing threefold, and CPU seconds twofold. Figures marked * were printed before there were files, and copied.
"""


@dataclass(frozen=True)
class Figure:
    """A figure of a benchmark: its title, where it lies in the file, by dots, and how it is written."""

    title: str
    path: str
    form: str = "{:.2f}"


FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "accuracy": (
        Figure("photographs", "photographs", "{}"),
        Figure("ours: CPU s to the first model", "searches.ours.first_cpu_s", "{:.0f}"),
        Figure("to the end", "searches.ours.cpu_s", "{:.0f}"),
        Figure("held-out balanced accuracy", "searches.ours.held_out", "{:.3f}"),
        Figure("scikit-learn's", "searches.scikit-learn.held_out", "{:.3f}"),
        Figure("Optuna's", "searches.Optuna, features.held_out", "{:.3f}"),
        Figure("KerasTuner's", "searches.KerasTuner, features.held_out", "{:.3f}"),
        Figure("seeds", "searches.ours.seeds", "{}"),
    ),
    "study": (
        Figure("images", "images", "{:,}"),
        Figure("epochs", "epochs", "{}"),
        Figure("last trial", "trials.-1.shape", "{}"),
        Figure("all but extraction over the libraries' floor", "over_library_floor", "{:.2f}x"),
        Figure("without batch size 1", "over_library_floor_without_batch_1", "{:.2f}x"),
        Figure("extraction over a bare pass", "over_bare_pass", "{:.2f}x"),
        Figure("seconds of steps", "seconds.steps and validation", "{:.0f}"),
        Figure("of extraction", "seconds.extraction", "{:.0f}"),
    ),
    "growth": (
        Figure("trials", "trials", "{:,}"),
        Figure("CPU s of show without an index", "show without an index.cpu_s"),
        Figure("of show", "show.cpu_s"),
        Figure("of the start alone", "start of a command.cpu_s"),
        Figure("of a plan of 1,000", "plan of 1,000.cpu_s"),
        Figure("of a snapshot of all trials", "snapshot of all trials.cpu_s"),
    ),
    "naive": (
        Figure("over the plain script, cached features", "wall_ratio", "{:.1f}x"),
        Figure("with extraction", "wall_ratio_with_extraction", "{:.1f}x"),
        Figure("an epoch", "epoch_ratio", "{:.0f}x"),
        Figure("projection", "projection.ratio", "{:.0f}x"),
    ),
    "trial": (
        Figure("over the plain script, cached features", "wall_ratio", "{:.1f}x"),
        Figure("with extraction", "wall_ratio_with_extraction", "{:.1f}x"),
    ),
    "peers": (
        Figure("ours, s a trial beyond its epochs", "overhead_s.ours"),
        Figure("KerasTuner", "overhead_s.KerasTuner"),
        Figure("Optuna", "overhead_s.Optuna"),
    ),
    "features": (Figure("extraction, share of the bare rate", "wall_share", "{:.0%}"),),
    "build": (Figure("build, share of the speed of decoding", "share", "{:.0%}"),),
    "limit": (
        Figure("step of batch 1 over the libraries' floor", "heads.epochs.0.library_wall_ratio", "{:.2f}x"),
        Figure("8", "heads.epochs.1.library_wall_ratio", "{:.2f}x"),
        Figure("32", "heads.epochs.2.library_wall_ratio", "{:.2f}x"),
        Figure("64", "heads.epochs.3.library_wall_ratio", "{:.2f}x"),
        Figure("backbone over its floor", "backbone.wall_ratio", "{:.2f}x"),
    ),
    "steps": (
        Figure("first batch size of the widest head", "heads.0.batch_size", "{}"),
        Figure("its step in a loop over one by itself", "heads.0.wall_ratio", "{:.2f}x"),
        Figure("last batch size of the narrowest head", "heads.-1.batch_size", "{}"),
        Figure("its step in a loop", "heads.-1.wall_ratio", "{:.2f}x"),
        Figure("dropout", "dropout", "{:g}"),
        Figure("the first on TensorFlow over JAX", "heads.0.tensorflow_wall_ratio", "{:.2f}x"),
        Figure("the last", "heads.-1.tensorflow_wall_ratio", "{:.2f}x"),
    ),
    "scale": (
        Figure("trials", "driver.-1.trials", "{:,}"),
        Figure("ms a result", "driver.-1.wall_ms_a_result"),
        Figure("MiB at most", "driver.-1.peak_mib", "{:.0f}"),
    ),
    "plans": (
        Figure("CPU s to plan 1,000 trials", "new.2"),
        Figure("100 more", "added to.2"),
    ),
    "dashboard": (
        Figure("trials", "views.-1.trials", "{:,}"),
        Figure("s to the first view", "views.-1.first_s"),
        Figure("to the table of trials", "views.-1.trials_s"),
    ),
    "additions": (Figure("CPU s of all additions", "all of it.cpu_s", "{:.1f}"),),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page and returns the exit code."""
    _parser().parse_args(argv)
    PAGE.write_text(page_of(results_in(FILES)), encoding="utf-8")
    return 0


def results_in(folder: Path) -> list[dict[str, Any]]:
    """Returns what the files of `folder` hold, by their names, which begin with the day."""
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]


def page_of(results: Sequence[Mapping[str, Any]]) -> str:
    """Returns the page: a table for each benchmark, a line for each of its runs."""
    sections = [
        _section(benchmark, figures, found)
        for benchmark, figures in FIGURES.items()
        if (found := [result for result in results if result["benchmark"] == benchmark])
    ]
    return "\n".join([HEAD, *sections])


def value_at(result: Any, path: str) -> Any:
    """Returns the value that lies at `path`, names and places in lists between dots; None where none does."""
    for step in path.split("."):
        try:
            result = result[int(step)] if isinstance(result, list) else result[step]
        except (KeyError, IndexError):
            return None
    return result


def _section(benchmark: str, figures: Sequence[Figure], results: Sequence[Mapping[str, Any]]) -> str:
    titles = ["day", *(figure.title for figure in figures), "machine"]
    lines = [
        [_day(result), *(_cell(result, figure) for figure in figures), _machine(result)] for result in results
    ]
    table = [titles, ["---"] * len(titles), *lines]
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    return f"## {benchmark.capitalize()}\n\n{rows}\n"


def _day(result: Mapping[str, Any]) -> str:
    return f"{result['measured_on']}{' *' if result.get('copied') else ''}"


def _cell(result: Mapping[str, Any], figure: Figure) -> str:
    value = value_at(result, figure.path)
    return "" if value is None else figure.form.format(value)


def _machine(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    versions, load = machine["versions"], f"load {machine['load_1min']:g}"
    shown = ", ".join(f"{name} {versions[name]}" for name in SHOWN_LIBRARIES if name in versions)
    return f"{machine['cores']} cores of {machine['processor']}, {load}; {shown}"


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m benchmarks.history", description="Writes the page of measurements over time."
    )


if __name__ == "__main__":
    sys.exit(main())
