"""Runs the same trials by the plain script and by this project, in turns, from the same files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from benchmarks.measure import Cost, in_own_process
from benchmarks.programs import run_program
from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import MIN_CELEBA_PHOTOS, draw_sample
from data_prep.manifest import read_manifest
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

PLAIN, COLD, WARM = "plain", "ours with extraction", "ours on cached features"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What both sides do: one trial per learning rate on `images` drawn photographs (40 or more)."""

    images: int
    epochs: int
    learning_rates: tuple[float, ...]
    batch_size: int = 32
    seed: int = 7

    def options(self) -> list[str]:
        """Returns the options that both scripts take."""
        values = {
            "--batch-size": self.batch_size,
            "--epochs": self.epochs,
            "--seed": self.seed,
            "--cpus-per-trial": min(2, available_cores()),
        }
        rates = [str(rate) for rate in self.learning_rates]
        return [*(str(part) for pair in values.items() for part in pair), "--learning-rates", *rates]


@dataclass(frozen=True)
class Run:
    """One run of a side: its cost, and what its script wrote."""

    cost: Cost
    report: Mapping[str, Any]

    def final_accuracies(self) -> list[float]:
        """Returns the validation accuracy of each trial after its last epoch."""
        return [trial["val_accuracy"][-1] for trial in self.report["trials"]]

    def epoch_s(self) -> float:
        """Returns the median seconds of an epoch after each trial's first, which builds and compiles.

        Where there is one epoch only, it is that.
        """
        epochs = [trial["epoch_seconds"] for trial in self.report["trials"]]
        return float(median(seconds for trial in epochs for seconds in (trial[1:] or trial)))

    def overhead_s(self) -> float:
        """Returns the wall seconds a trial beyond its epochs: start, building, compiling, reporting."""
        trials = self.report["trials"]
        epochs = sum(len(trial["epoch_seconds"]) for trial in trials)
        return (self.cost.wall_s - epochs * self.epoch_s()) / len(trials)


class Files:
    """The files that both sides read, made in `folder`: drawn photographs, their labels, random weights."""

    def __init__(self, folder: Path, images: int) -> None:
        self._name(folder)
        draw_sample(folder / "sample", photos=images, celeba_photos=MIN_CELEBA_PHOTOS)
        build_manifest(load_adience(folder / "sample" / "adience"), self.manifest)
        _write_labels(self.manifest, self.labels)
        in_own_process("tensorflow", available_cores(), write_weights, self.weights)

    @classmethod
    def there(cls, folder: Path) -> Files:
        """Returns the files that were made in `folder` before."""
        files = cls.__new__(cls)
        files._name(folder)
        return files

    def _name(self, folder: Path) -> None:
        self.labels, self.weights = folder / "labels.csv", folder / "resnet50_v2.weights.h5"
        self.manifest = folder / "sample.parquet"


def run_in_turns(task: Task, rounds: int, folder: Path, say: Callable[[str], None]) -> dict[str, list[Run]]:
    """Returns the runs of PLAIN, COLD (features made first) and WARM (features there), `rounds` of each."""
    files = Files(folder, task.images)
    runs: dict[str, list[Run]] = {PLAIN: [], COLD: [], WARM: []}
    for number in range(rounds):
        for side, done in runs.items():
            done.append(_run(side, task, files, folder / f"round-{number}"))
            say(f"round {number + 1} of {rounds}: {side} took {done[-1].cost.wall_s:.1f} s")
    return runs


def ratios(runs: Mapping[str, Sequence[Run]], side: str) -> Cost:
    """Returns how many times longer PLAIN took than `side`, the median of the rounds, wall and CPU."""
    pairs = [(plain.cost, ours.cost) for plain, ours in zip(runs[PLAIN], runs[side], strict=True)]
    return Cost(
        median(plain.wall_s / ours.wall_s for plain, ours in pairs),
        median(plain.cpu_s / ours.cpu_s for plain, ours in pairs),
    )


def epoch_ratio(runs: Mapping[str, Sequence[Run]]) -> float:
    """Returns how many times longer an epoch after the first took in PLAIN than in WARM."""
    plain, ours = (median(run.epoch_s() for run in runs[side]) for side in (PLAIN, WARM))
    return plain / ours


def summary(runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Returns the runs and their ratios as JSON values."""
    return {
        "wall_ratio": ratios(runs, WARM).wall_s,
        "cpu_ratio": ratios(runs, WARM).cpu_s,
        "wall_ratio_with_extraction": ratios(runs, COLD).wall_s,
        "cpu_ratio_with_extraction": ratios(runs, COLD).cpu_s,
        "epoch_ratio": epoch_ratio(runs),
        "keras_backend": runs[WARM][0].report["keras_backend"],
        "runs": {
            side: [{"wall_s": run.cost.wall_s, "cpu_s": run.cost.cpu_s, **run.report} for run in done]
            for side, done in runs.items()
        },
    }


def in_words(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Returns a line for each side, and the ratios."""
    without, including = ratios(runs, WARM), ratios(runs, COLD)
    return [
        *(_side_in_words(side, done) for side, done in runs.items()),
        f"  {without.wall_s:.1f}x faster by wall time ({without.cpu_s:.1f}x by CPU time) on cached features, "
        f"{including.wall_s:.1f}x ({including.cpu_s:.1f}x) with the one extraction",
        f"  {epoch_ratio(runs):.0f}x for an epoch after a trial's first, the start left out",
    ]


def write_weights(path: Path) -> None:
    """Writes random weights of ResNet50V2; for a process that may import Keras."""
    build_backbone(find_backbone(TrialConfig.backbone), "none").save_weights(path)


def _side_in_words(side: str, runs: Sequence[Run]) -> str:
    wall, cpu = (median(getattr(run.cost, name) for run in runs) for name in ("wall_s", "cpu_s"))
    accuracies = ", ".join(f"{accuracy:.3f}" for accuracy in runs[0].final_accuracies())
    return f"  {side:<24} {wall:7.1f} s wall, {cpu:7.1f} s CPU, final val_accuracy {accuracies}"


def _run(side: str, task: Task, files: Files, folder: Path) -> Run:
    folder.mkdir(exist_ok=True)
    out = folder / f"{side}.json"
    options = [*task.options(), "--weights", str(files.weights), "--out", str(out)]
    if side == PLAIN:
        cost = run_program("benchmarks.plain_script", [*options, "--labels", str(files.labels)])
    else:
        options += ["--manifest", str(files.manifest), "--cache", str(folder / "cache")]
        cost = run_program("benchmarks.our_script", [*options, "--study", str(folder / f"study {side}")])
    return Run(cost, json.loads(out.read_bytes()))


def _write_labels(manifest_path: Path, labels: Path) -> None:
    manifest = read_manifest(manifest_path)
    paths = [str(path) for path in manifest.image_paths()]
    pd.DataFrame({"path": paths, "label": manifest.table["label"]}).to_csv(labels, index=False)
