"""Time to an accuracy on photographs: held-out balanced accuracy over the CPU seconds of all processes.

    python -m benchmarks.accuracy my_photos --backbone inception_v3 --weights inception_v3.weights.h5 \\
        --seeds 5 --json faces.json --picture faces.svg

Every search is a program of its own, from the files of the photographs to the end, and gets the same rows: of
each seed another 60 % to train on, 20 % to choose by, and 20 % that no search sees. When a trial ends that is
better than all before it by the searcher's own figure, its model is what a user would have then. After the
search, and outside of its time, these models are asked of the held-out rows.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy.curves import by_search, line_of, run_of, summary_of
from benchmarks.accuracy.picture import draw
from benchmarks.accuracy.task import TRIALS, divided
from benchmarks.measure import machine, machine_in_words, write_result
from benchmarks.programs import follow_program
from data_prep.build import main as build
from data_prep.manifest import read_manifest


@dataclass(frozen=True)
class Search:
    """A search: its name on screen, its program, the package that it needs, what its network reads."""

    title: str
    script: str
    package: str = ""
    on_images: bool = False


LINEAR = "linear"
SEARCHES = {
    "ours": Search("ours", "our_search"),
    LINEAR: Search("scikit-learn", "linear_search"),
    "optuna": Search("Optuna, features", "optuna_search"),
    "kerastuner": Search("KerasTuner, features", "tuner_search", "keras_tuner"),
    "optuna-images": Search("Optuna, images", "optuna_on_images", on_images=True),
    "kerastuner-images": Search("KerasTuner, images", "tuner_on_images", "keras_tuner", on_images=True),
    "autogluon": Search("AutoGluon MultiModal", "autogluon_search", "autogluon.multimodal"),
    "ludwig": Search("Ludwig", "ludwig_search", "ludwig"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code; Ctrl-C ends it with what has been run."""
    arguments = _parser().parse_args(argv)
    arguments.python = dict.fromkeys(arguments.searches, sys.executable) | dict(arguments.python)
    left_out = {
        SEARCHES[name].title: f"{package} is not installed"
        for name in arguments.searches
        if (package := SEARCHES[name].package) and not _is_installed(package, arguments.python[name])
    }
    runs = runs_before(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        run_all(arguments, runs, left_out)
    result = result_of(arguments, runs, left_out)
    print("\n".join(in_words(result)))
    if arguments.picture:
        draw([result], arguments.picture)
    return 0


def run_all(arguments: argparse.Namespace, runs: list[dict[str, Any]], left_out: dict[str, str]) -> None:
    """Adds the runs of each search and seed, and why searches are left out; keeps them after each run."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths, names = accepted(arguments.folder, folder / "all.parquet")
        for seed in range(1, arguments.seeds + 1):
            divided(paths, names, seed).to_csv(folder / "labels.csv", index=False)
            for name in arguments.searches:
                search = SEARCHES[name]
                too_long = search.on_images and seed > (arguments.seeds_on_images or arguments.seeds)
                done = any((run["search"], run["seed"]) == (search.title, seed) for run in runs)
                if search.title in left_out or too_long or done:
                    continue
                try:
                    runs.append(run_one(search, arguments.python[name], seed, arguments, folder))
                except RuntimeError as error:
                    left_out[search.title] = str(error).strip().splitlines()[-1]
                    print(error, file=sys.stderr)
                write_result(result_of(arguments, runs, left_out), arguments.json)


def runs_before(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Returns the runs that the file of --json has already; exits where it is of another comparison."""
    if arguments.json is None or not arguments.json.exists():
        return []
    before, now = json.loads(arguments.json.read_bytes()), result_of(arguments, [], {})
    for name in ("benchmark", "photographs", "backbone", "budget_cpu_s", "most_trials"):
        there = before.get(name, now[name])  # files of before there was a choice do not have them all
        if there != now[name]:
            raise SystemExit(f"{arguments.json} has {name} {there}, asked for {now[name]}; name another")
    runs: list[dict[str, Any]] = before["runs"]
    return runs


def result_of(
    arguments: argparse.Namespace, runs: Sequence[dict[str, Any]], left_out: dict[str, str]
) -> dict[str, Any]:
    """Returns the runs, the figures of each search, and what they depend on, as JSON values."""
    return {
        "benchmark": "accuracy",
        "photographs": arguments.folder.name,
        "backbone": arguments.backbone,
        "budget_cpu_s": arguments.budget,
        "most_trials": arguments.trials,
        "left_out": left_out,
        "runs": list(runs),
        "searches": summaries(runs),
        "machine": machine(),
    }


def accepted(root: Path, manifest: Path) -> tuple[list[str], list[str]]:
    """Returns path and class of each photograph that a build takes."""
    with contextlib.redirect_stdout(io.StringIO()):
        code = build(["folder", "--root", str(root), "--out", str(manifest), "--skip-bad-images"])
    if code:
        raise SystemExit(code)
    found = read_manifest(manifest)
    return found.table["path"].tolist(), [found.class_names[label] for label in found.table["label"]]


def run_one(
    search: Search, python: str, seed: int, arguments: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Returns the run of one search, with that `python`, on the rows that lie in `folder`."""
    out = folder / f"{search.script}.json"
    words = ["--root", str(arguments.folder.absolute()), "--labels", str(folder / "labels.csv")]
    words += ["--backbone", arguments.backbone, "--weights", str(arguments.weights.absolute())]
    words += ["--seed", str(seed), "--budget", str(arguments.budget), "--trials", str(arguments.trials)]
    words += ["--out", str(out)]
    course = follow_program(f"benchmarks.accuracy.{search.script}", words, python)
    run = run_of(search.title, seed, course, json.loads(out.read_bytes()))
    last = f"{run['points'][-1]['held_out']:.3f} after {run['cpu_s']:.0f} s of CPU"
    print(f"seed {seed}: {search.title} {last}", file=sys.stderr, flush=True)
    return run


def summaries(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the figures of each search; the accuracy to reach is the linear classifier's at its end."""
    found = by_search(runs)
    linear = found.get(SEARCHES[LINEAR].title)
    target = summary_of(linear, 0.0)["held_out"] if linear else 1.0
    return {search: summary_of(done, target) for search, done in found.items()}


def in_words(result: dict[str, Any]) -> list[str]:
    """Returns what a run of the benchmark found, in lines."""
    return [
        f"{result['photographs']}, {result['backbone']}: held-out balanced accuracy over CPU seconds; "
        "target: scikit-learn's at its end",
        *(line_of(search, found) for search, found in result["searches"].items()),
        *(f"  left out: {search} ({why})" for search, why in result["left_out"].items()),
        f"  {machine_in_words(result['machine'])}",
    ]


def _is_installed(package: str, python: str) -> bool:
    # in a process of its own: the package may lie below one that is not there, and in another environment
    asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", asked], stderr=subprocess.DEVNULL, check=False).returncode == 0


def _of_search(given: str) -> tuple[str, str]:
    """Returns the search and the path of NAME=PYTHON; raises ValueError where it is none."""
    name, _, python = given.partition("=")
    if name not in SEARCHES or not python:
        raise ValueError(given)
    return name, python


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description="Held-out balanced accuracy over CPU seconds: ours and other searches on photographs.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="of photographs, a folder for each class")
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE", help="of the backbone")
    parser.add_argument("--backbone", default="inception_v3", help="frozen below the head")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each search, each on rows of its own")
    parser.add_argument(
        "--seeds-on-images", type=int, metavar="N", help="fewer, for searches with the backbone inside"
    )
    parser.add_argument(
        "--searches",
        nargs="+",
        choices=SEARCHES,
        default=list(SEARCHES),
        metavar="NAME",
        help=f"that run: {', '.join(SEARCHES)}",
    )
    parser.add_argument(
        "--python",
        nargs="+",
        type=_of_search,
        default=[],
        metavar="NAME=PYTHON",
        help="the interpreter of a search whose packages cannot be beside ours",
    )
    parser.add_argument(
        "--budget", type=float, default=600, help="CPU seconds after which the others begin no trial"
    )
    parser.add_argument(
        "--trials",
        type=int,
        default=TRIALS,
        help="that the others try at most; ours tries so many in its stages",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the result there; runs that it has stay"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="also draw it there (.svg or .png)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
