"""The report's staged study, run for real on drawn photographs of Adience's size.

    python -m benchmarks.study --folder study --json study.json
    python -m benchmarks.study --images 256 --epochs 2

Prints where the wall time went, the least that the steps and the backbone's pass could take beside it, and
what the plain script would take: an epoch of each batch size is run with it, from the same files. With
--folder a run that was stopped goes on where it was, and one --without-batch-1 is completed by one with it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import machine, machine_in_words, write_result
from benchmarks.programs import run_program
from benchmarks.projection import EPOCHS, IMAGES, shape_of
from benchmarks.side_by_side import Files
from benchmarks.study.course import EXTRACTION, Part, is_whole, seconds_of, trials_of
from benchmarks.study.least import floors_of
from search.space.presets import PRESETS, REPORT
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

BATCH_SIZES = tuple(PRESETS[REPORT].stages["batch_size"])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        files = _files(folder, arguments.images)
        sizes = [str(size) for size in BATCH_SIZES if size != 1] if arguments.without_batch_1 else []
        batch_sizes = ",".join(sizes)  # none are the report's
        if not any(is_whole(part, batch_sizes) for part in parts_in(folder)):
            run_ours(files, folder, arguments.epochs, batch_sizes)
        parts = parts_in(folder)
        trials = trials_of(parts)
        configs = [TrialConfig.from_dict(trial["config"]) for trial in trials]
        plain = (
            {} if arguments.no_plain else run_plain(files, folder, sorted({c.batch_size for c in configs}))
        )
    seconds, floors = seconds_of(parts), floors_of(configs, arguments.images)
    result = {
        "benchmark": "study",
        "images": arguments.images,
        "epochs": arguments.epochs,
        "runs": len(parts),
        "trials": [
            {"shape": shape_of(config), "epoch_seconds": trial["epoch_seconds"]}
            for config, trial in zip(configs, trials, strict=True)
        ],
        "seconds": seconds,
        "floors": floors,
        "plain": plain,
        **ratios(seconds, floors),
        "over_library_floor_without_batch_1": without_batch_1(seconds, floors, trials),
        "plain_s": plain_seconds(configs, plain),
        "machine": machine(),
    }
    print("\n".join(in_words(result)))
    write_result(result, arguments.json)
    return 0


def parts_in(folder: Path) -> list[Part]:
    """Returns what the runs of the study in `folder` said, in their order."""
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("part-*.json"))]


def run_ours(files: Files, folder: Path, epochs: int, batch_sizes: str) -> None:
    """Runs what the study lacks, and keeps the course of this run in `folder`."""
    number = len(list(folder.glob("part-*.json"))) + 1
    words = ["--manifest", str(files.manifest), "--weights", str(files.weights), "--folder", str(folder)]
    words += ["--epochs", str(epochs), "--out", str(folder / f"part-{number:03}.json")]
    run_program("benchmarks.study.our_study", [*words, "--batch-sizes", batch_sizes])


def run_plain(files: Files, folder: Path, batch_sizes: Sequence[int]) -> dict[str, dict[str, float]]:
    """Returns for each batch size the seconds of an epoch by the plain script, and those of its start."""
    found = {}
    for size in batch_sizes:
        kept = folder / f"plain-{size}.json"
        if not kept.exists():
            out = folder / "plain.json"
            words = ["--labels", str(files.labels), "--weights", str(files.weights), "--out", str(out)]
            words += ["--batch-size", str(size), "--epochs", "1"]
            words += ["--cpus-per-trial", str(min(2, available_cores()))]
            cost = run_program("benchmarks.plain_script", words)
            (epoch_s,) = json.loads(out.read_bytes())["trials"][0]["epoch_seconds"]
            kept.write_text(json.dumps({"epoch_s": epoch_s, "start_s": cost.wall_s - epoch_s}), "utf-8")
            print(f"plain script, batch {size}: an epoch in {epoch_s:.0f} s", file=sys.stderr, flush=True)
        found[str(size)] = json.loads(kept.read_bytes())
    return found


def plain_seconds(configs: Sequence[TrialConfig], plain: Mapping[str, Mapping[str, float]]) -> float | None:
    """Returns what the plain script would take for `configs`: measured epochs, as often as they have them."""
    if not plain:
        return None
    costs = [(config.epochs, plain[str(config.batch_size)]) for config in configs]
    return sum(epochs * cost["epoch_s"] + cost["start_s"] for epochs, cost in costs)


def ratios(seconds: Mapping[str, float], floors: Mapping[str, Any]) -> dict[str, float]:
    """Returns what was taken over the floors: of the extraction, and of all that is not extraction."""
    others = sum(seconds.values()) - seconds[EXTRACTION]
    return {
        "over_backbone_floor": seconds[EXTRACTION] / floors["backbone"],
        "over_bare_pass": seconds[EXTRACTION] / floors["bare_pass"],
        "over_step_floor": others / floors["steps"],
        "over_library_floor": others / floors["steps_of_libraries"],
    }


def without_batch_1(
    seconds: Mapping[str, float], floors: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]
) -> float | None:
    """Returns what all that is no extraction took over the libraries' floor, less the trials of batch size 1.

    None where there are none.
    """
    ones = [number for number, trial in enumerate(trials) if trial["config"]["batch_size"] == 1]
    others = sum(seconds.values()) - seconds[EXTRACTION]
    others -= sum(sum(trials[number]["epoch_seconds"]) for number in ones)
    least = floors["steps_of_libraries"] - sum(floors["of_trials"][number] for number in ones)
    return others / least if ones and least else None


def in_words(result: Mapping[str, Any]) -> list[str]:
    """Returns what a run of the benchmark found, in lines."""
    seconds, floors = result["seconds"], result["floors"]
    whole = sum(seconds.values())
    lines = [
        f"{result['images']:,} images, {len(result['trials'])} trials of {result['epochs']} epochs, "
        f"{result['runs']} runs: {whole:,.1f} s",
        *(f"  {kind:<36} {spent:9,.1f} s  {spent / whole:6.1%}" for kind, spent in seconds.items()),
        f"  least: backbone {floors['backbone']:,.1f} s (a bare pass {floors['bare_pass']:,.1f} s), steps "
        f"{floors['steps']:,.1f} s (by the libraries' products {floors['steps_of_libraries']:,.1f} s)",
        f"  extraction {result['over_backbone_floor']:.2f}x its floor ({result['over_bare_pass']:.2f}x a "
        f"bare pass), all else {result['over_step_floor']:.2f}x that of the steps "
        f"({result['over_library_floor']:.2f}x the libraries')",
    ]
    if (ratio := result["over_library_floor_without_batch_1"]) is not None:
        lines.append(f"  without the trial of batch size 1: all else {ratio:.2f}x the libraries'")
    if result["plain_s"] is not None:
        epochs = ", ".join(f"{size}: {cost['epoch_s']:.1f} s" for size, cost in result["plain"].items())
        lines.append(
            f"  plain script, an epoch by batch size: {epochs}; by these epochs the same trials "
            f"{result['plain_s'] / 3600:.2f} h, {result['plain_s'] / whole:.1f}x"
        )
    return [*lines, f"  {machine_in_words(result['machine'])}"]


def _files(folder: Path, images: int) -> Files:
    """Returns the files of `folder`, drawn where they are not there yet."""
    noted = folder / "images.txt"
    if noted.exists() and noted.read_text("utf-8") == str(images):
        return Files.there(folder)
    if noted.exists():
        raise SystemExit(f"{folder} has {noted.read_text('utf-8')} images, asked for {images}; name another")
    files = Files(folder, images)
    noted.write_text(str(images), "utf-8")
    return files


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.study",
        description="The report's staged study, run: where its time goes, its floors, the plain script.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=IMAGES, help="photographs to draw, 40 or more")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of every trial")
    parser.add_argument(
        "--without-batch-1", action="store_true", help="leave out the batch size that trains nothing"
    )
    parser.add_argument(
        "--no-plain", action="store_true", help="leave out the plain script, which takes an hour"
    )
    parser.add_argument("--folder", type=Path, help="where all is kept, so that another run goes on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
