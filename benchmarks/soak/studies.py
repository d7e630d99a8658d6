"""Struck studies beside calm ones, and the faults that are found in them."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from benchmarks.soak.places import OneMachine
from benchmarks.soak.running import Run, Runner
from benchmarks.soak.searches import SEARCHES
from benchmarks.soak.strikes import EXTRACTION, Strike
from data_prep.storage.remote import drop

LOST, TWICE, DIFFERENT = "lost", "trained twice", "different"
UNTOLD, OF_RAY, LATE = "without a sentence", "with lines of Ray's", "not ended in time"
STRAY, LEFT = "written into the bare mount point", "processes left"
FAULTS = (LOST, TWICE, DIFFERENT, UNTOLD, OF_RAY, LATE, STRAY, LEFT)
CALM, STRUCK = "calm", "struck"
# how long it took, which run had it from which, and which studies were before: what may differ
_OF_A_RUN = {"seconds", "finished_at", "digest", "reused", "read_at", "read_before"}
_OF_ROUNDING = {"predictions_digest", "packed"}
# a search that ends while its storage is away leaves the signs of its life there, which expire
_OF_NOW = ("live.json", "command.json", "notes.json", ".holder.json", ".lease-*.json")


@dataclass
class Kind:
    """Studies of one kind of search in `place`: a calm one, and one after the other that is struck."""

    name: str
    place: OneMachine
    runner: Runner
    epochs: int
    strikes: int = 0
    in_a_row: int = 0  # strikes without a fault
    faults: Counter[str] = field(default_factory=Counter)
    calm_s: float = 0.0
    _calm: Mapping[str, Any] = field(default_factory=dict)
    _known: Mapping[str, str] = field(default_factory=dict)  # trials, by key, as they were after a strike

    def prepare(self) -> None:
        """Runs the calm search where that was not done before."""
        kept = self.runner.folder / f"calm-{self.name}.json"
        if not kept.exists():
            run = self._run(CALM)
            if run.code != 0:
                raise RuntimeError(f"the calm search {self.name} ended with {run.code}:\n{run.said}")
            kept.write_text(json.dumps([run.took_s, said_of(self._kept(CALM))]))
        self.calm_s, self._calm = json.loads(kept.read_text())

    def strike(self, strike: Strike) -> Run:
        """Strikes a run, counts its faults, and compares a study that is whole now."""
        if strike.target == EXTRACTION:
            shutil.rmtree(self._cache / "features", ignore_errors=True)
        run = self._run(STRUCK, strike)
        trials = _trials(self._kept(STRUCK))
        found = Counter(
            {
                LOST: len(self._known.keys() - trials.keys()),
                TWICE: sum(trials.get(key, was) != was for key, was in self._known.items()),
                UNTOLD: int(run.code is not None and not run.told),
                OF_RAY: int(run.has_lines_of_ray),
                LATE: int(run.code is None),
                STRAY: len(run.strays),
                LEFT: len(run.left),
            }
        )
        self._known = trials
        if run.code == 0:
            found[DIFFERENT] = self._compare()
        self._count(found, run.struck)
        return run

    def finish(self) -> None:
        """Runs a study to its end that strikes left unfinished, and compares it."""
        if self._known:
            run = self._run(STRUCK)
            untold = int(run.code != 0)
            self._count(Counter({UNTOLD: untold, DIFFERENT: 0 if untold else self._compare()}), struck=False)

    def _count(self, found: Counter[str], struck: bool) -> None:
        self.faults += found
        self.strikes += struck
        self.in_a_row = 0 if found.total() else self.in_a_row + struck

    def _compare(self) -> int:
        """Returns how much differs from the calm study, and makes room for the next."""
        kept = self._kept(STRUCK)
        said = said_of(kept)
        names = self._calm.keys() | said.keys()
        tolerance = SEARCHES[self.name].tolerance
        differing = sorted(
            name for name in names if not agree(self._calm.get(name), said.get(name), tolerance)
        )
        if differing:
            aside = self.runner.folder / f"differs-{time.time_ns()}"
            shutil.copytree(kept, aside)
            print(f"    different: {', '.join(differing)}; see {aside}", flush=True)
        drop(kept)
        self._known = {}
        return len(differing)

    def _run(self, which: str, strike: Strike | None = None) -> Run:
        self.place.prepare()
        command = SEARCHES[self.name].command(self._study(which), self.place, self.epochs)
        return self.runner.run(command, self.place, self._study(which), strike)

    def _kept(self, which: str) -> Path:
        return self.place.kept(self._study(which))

    def _study(self, which: str) -> str:
        return f"{which}-{self.name}".replace(" ", "-")

    @property
    def _cache(self) -> Path:
        return self.runner.folder / "cache" / self._study(STRUCK)


def draw_data(folder: Path) -> None:
    """Draws the photographs of all searches in `folder`, where that was not done before."""
    for source, out in (("sample", "faces.parquet"), ("celeba", "celeba.parquet")):
        if not (folder / out).exists():
            size = ("--photos", "60", "--celeba-photos", "40") if source == "sample" else ()
            root = "faces" if source == "sample" else "faces/celeba"
            build = ("data_prep.build", source, "--root", root, "--out", out, *size)
            subprocess.run([sys.executable, "-m", *build], cwd=folder, check=True, capture_output=True)


def _trials(study: Path) -> dict[str, str]:
    """Returns a digest of each trial's file, which has the seconds that it took: another training another."""
    files = (study / "trials").glob("*.json")
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def said_of(study: Path) -> dict[str, Any]:
    """Returns by name what a study's results say, without the time that they took."""
    paths = [*study.glob("trials/*.json"), *study.glob("stages/*.json"), *study.glob("*.json")]
    return {
        str(path.relative_to(study)): _without_times(json.loads(path.read_text()))
        for path in paths
        if not any(map(path.match, _OF_NOW))
    }


def agree(calm: Any, struck: Any, tolerance: float) -> bool:
    """Returns whether two results say the same, and their numbers do up to `tolerance`.

    With one the digests of numbers, and how many were trained together, may be others.
    """
    if isinstance(calm, dict) and isinstance(struck, dict):
        names = (calm.keys() | struck.keys()) - (_OF_ROUNDING if tolerance else set())
        return all(agree(calm.get(name), struck.get(name), tolerance) for name in names)
    if isinstance(calm, list) and isinstance(struck, list):
        return len(calm) == len(struck) and all(map(agree, calm, struck, repeat(tolerance)))
    if isinstance(calm, float) and isinstance(struck, float):
        return calm == struck or math.isclose(calm, struck, rel_tol=0.0, abs_tol=tolerance)
    return bool(calm == struck)


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(each) for name, each in value.items() if name not in _OF_A_RUN}
    return [_without_times(each) for each in value] if isinstance(value, list) else value
