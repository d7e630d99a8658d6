"""python -m benchmarks.soak: strikes running searches again and again; they must end as those nobody struck.

Each strike, and its moment, is drawn from --seed: a signal to the search, the death of one of its processes,
or a storage that goes away and comes back; while Ray starts, while a file is written, or at any time. The
same command then goes on, until its study is whole and is compared with a calm one; then the next study of
that kind begins. What must be nothing is counted, see FAULTS.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.programs import processes_below

FAULTS = (
    "lost",  # trials that were there before
    "trained twice",
    "different",  # files of a study that say something else than those of the calm one
    "without a sentence",  # runs that ended with a traceback, or a code that is not documented
    "not ended in time",
    "written into the bare mount point",
    "processes left",  # LEFT_S after the search ended
)
LEFT_S = 5.0
AWAY_S = 4.0  # that a storage stays away
CODES = {0, 1, 130, 143}  # documented
_TWO_RATES = ("--values", "lr=0.01,0.001")
SEARCHES: Mapping[str, Sequence[str]] = {
    "staged": ("--stage", "lr"),
    "joint": ("--mode", "joint", *_TWO_RATES, "--values", "dropout=0,0.2"),
    "packs": ("--mode", "joint", *_TWO_RATES, "--values", "dropout=0,0.2", "--pack", "2"),
    "folds": ("--stage", "lr", *_TWO_RATES, "--split", "folds", "--final"),
    "fine-tuning": ("--stage", "all", "--order", "lr", *_TWO_RATES, "--celeba", "celeba.parquet"),
}
_SMALL = (
    *("--data", "faces.parquet", "--backbone", "keras:MobileNetV2", "--input-px", "32"),
    *("--hidden-units", "8", "--batch-size", "8"),
)
_PLAIN = ("--no-tensorboard", "--wandb", "disabled", "--wait-for-storage", "5m")
STARTING, WRITING, ANY = "as Ray starts", "as a file is written", "at any time"
# each half as often as a moment of the whole run
_MOMENTS = (STARTING, WRITING, ANY, ANY)
_STARTS_S = 5.0  # that Ray takes to start
SEARCH, STORAGE = "the search", "its storage"
STRIKES = (
    (SEARCH, signal.SIGINT),
    (SEARCH, signal.SIGTERM),
    (SEARCH, signal.SIGKILL),
    ("ImplicitFunc", signal.SIGKILL),  # a worker with a trial
    ("raylet/raylet", signal.SIGKILL),
    ("gcs_server", signal.SIGKILL),
    ("trainables.features", signal.SIGKILL),
    (STORAGE, None),
)
Value = TypeVar("Value")
_MARK = "STAGEWISE_SOAK"  # a variable that all processes of a run inherit
# how long it took, and which run had it from which: what may differ
_OF_A_RUN = {"seconds", "finished_at", "digest", "reused", "read_at"}


@dataclass(frozen=True)
class Strike:
    """What is struck, by which signal (None: it goes away for AWAY_S), at which moment, so many s later."""

    target: str
    sent: signal.Signals | None
    moment: str
    after_s: float

    @classmethod
    def draw(cls, rng: random.Random, calm_s: float) -> Strike:
        """Returns a strike on a search that takes `calm_s` when nobody strikes it."""
        (target, sent), moment = rng.choice(STRIKES), rng.choice(_MOMENTS)
        after_s = {STARTING: rng.uniform(0, _STARTS_S), WRITING: 0.0, ANY: rng.uniform(0, calm_s)}[moment]
        return cls(target, sent, moment, after_s)

    def __str__(self) -> str:
        what = f"{self.sent.name} to {self.target}" if self.sent else f"{self.target} goes away"
        return f"{what} {self.moment}" + (f", {self.after_s:.1f} s" if self.after_s else "")


@dataclass
class Run:
    """A run of a search: its exit code, None where it did not end in time, and what was found after it."""

    code: int | None = None
    said: str = ""
    took_s: float = 0.0  # from the strike to the end
    struck: bool = False  # else it ended before, or had no such process
    left: Sequence[str] = ()  # commands of processes
    strays: Sequence[str] = ()  # files in the bare mount point

    @property
    def told(self) -> bool:
        """Whether it ended with a documented code and a sentence; who was killed can say nothing."""
        return self.code == -signal.SIGKILL or (self.code in CODES and "Traceback" not in self.said)

    @property
    def last_line(self) -> str:
        """What it said at last."""
        return (self.said.strip().splitlines() or [""])[-1]


@dataclass
class Soak:
    """Struck studies beside calm ones, in `folder`."""

    folder: Path
    epochs: int
    patience_s: float
    faults: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(FAULTS, 0)))
    known: dict[str, dict[str, int]] = field(default_factory=dict)
    calm_s: dict[str, float] = field(default_factory=dict)

    def prepare(self, kinds: Sequence[str]) -> None:
        """Draws the data, and makes the calm studies that are not there yet."""
        for source, out in (("sample", "faces.parquet"), ("celeba", "celeba.parquet")):
            if not (self.folder / out).exists():
                size = ("--photos", "60", "--celeba-photos", "40") if source == "sample" else ()
                root = "faces" if source == "sample" else "faces/celeba"
                build = ("data_prep.build", source, "--root", root, "--out", out, *size)
                subprocess.run(
                    [sys.executable, "-m", *build], cwd=self.folder, check=True, capture_output=True
                )
        for kind in kinds:
            took = self.folder / f"calm-{kind}.json"
            if not took.exists():
                run = self.run(kind, "calm")
                if run.code != 0:
                    raise RuntimeError(f"the calm search {kind} ended with {run.code}:\n{run.said}")
                took.write_text(json.dumps(run.took_s))
            self.calm_s[kind] = json.loads(took.read_text())

    def strike(self, kind: str, strike: Strike) -> Run:
        """Strikes a run, counts its faults, and compares a study that is whole now."""
        if strike.target == "trainables.features":
            shutil.rmtree(self.folder / "cache" / "struck" / "features", ignore_errors=True)
        run = self.run(kind, "struck", strike)
        stamps, known = _stamps(self.study(kind, "struck")), self.known.get(kind, {})
        self.faults["lost"] += sum(key not in stamps for key in known)
        self.faults["trained twice"] += sum(
            stamps.get(key) not in (None, stamp) for key, stamp in known.items()
        )
        self.faults["without a sentence"] += run.code is not None and not run.told
        self.faults["not ended in time"] += run.code is None
        self.faults["processes left"] += len(run.left)
        self.faults["written into the bare mount point"] += len(run.strays)
        self.known[kind] = stamps
        if run.code == 0:
            self.compare(kind)
        return run

    def finish(self, kind: str) -> None:
        """Runs a study to its end that strikes left unfinished, and compares it."""
        if self.study(kind, "struck").exists():
            run = self.run(kind, "struck")
            self.faults["without a sentence"] += run.code != 0
            self.compare(kind)

    def compare(self, kind: str) -> None:
        """Counts what differs from the calm study, and makes room for the next."""
        calm, struck = (_said(self.study(kind, which)) for which in ("calm", "struck"))
        differing = sorted(name for name in calm.keys() | struck.keys() if calm.get(name) != struck.get(name))
        self.faults["different"] += len(differing)
        if differing:
            print(f"    different: {', '.join(differing)}", flush=True)
        kept = self.study(kind, "struck")
        if differing:
            kept.rename(kept.with_name(f"{kept.name}-differs-{time.time_ns()}"))
        else:
            shutil.rmtree(kept)
        self.known.pop(kind, None)

    def study(self, kind: str, which: str) -> Path:
        """Returns the folder of a study."""
        return self.folder / "results" / f"{which}-{kind}"

    def run(self, kind: str, which: str, strike: Strike | None = None) -> Run:
        """Runs the command of a study, with or without a strike."""
        command = [
            *(sys.executable, "-m", "search.run", *SEARCHES[kind], *_SMALL, *_PLAIN),
            *("--epochs", str(self.epochs), "--study", f"{which}-{kind}", "--cache", f"cache/{which}"),
        ]
        mark, run = f"{os.getpid()}-{time.time_ns()}", Run()
        with (self.folder / "said.txt").open("w+") as said:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, _MARK: mark},
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
            began = time.monotonic()
            if strike:
                run.struck, run.strays = self._hit(process, kind, strike)
                began = time.monotonic()
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.code = process.wait(self.patience_s)
            run.took_s = time.monotonic() - began
            run.left = () if run.code is None else _left(mark)
            for pid in _marked(mark):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
        run.said = (self.folder / "said.txt").read_text(errors="replace")
        return run

    def _hit(self, process: subprocess.Popen[bytes], kind: str, strike: Strike) -> tuple[bool, Sequence[str]]:
        study = self.study(kind, "struck")
        began: dict[str, Callable[[], bool]] = {
            STARTING: lambda: "starting Ray" in (self.folder / "said.txt").read_text(errors="replace"),
            WRITING: lambda: any(study.glob("*/.*.part")),
            ANY: lambda: True,
        }
        if not _comes(process, began[strike.moment]):
            return False, ()
        time.sleep(strike.after_s)
        if strike.target == STORAGE:
            return self._take_away(process, study)
        pids = _comes(process, lambda: list(_targets(process.pid, strike.target)))
        for pid in pids or ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, strike.sent or signal.SIGKILL)
        return bool(pids), ()

    def _take_away(self, process: subprocess.Popen[bytes], study: Path) -> tuple[bool, Sequence[str]]:
        """Puts a bare folder in the place of the study for a while; returns the files that were put there."""
        if not _comes(process, lambda: (study / "live.json").exists()):
            return False, ()
        away = study.with_name(f"{study.name}-away")
        study.rename(away)
        study.mkdir()
        time.sleep(AWAY_S)
        strays = [str(path.relative_to(study)) for path in study.rglob("*") if path.is_file()]
        shutil.rmtree(study)
        away.rename(study)
        return True, strays


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line for each strike, and the counts; returns 0 where all of them are nothing."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of a shell ignores it
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True))
        )
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(folder.absolute(), options.epochs, options.patience)
        struck = _soak(soak, options)
    print(f"{struck} strikes: " + ", ".join(f"{count} {what}" for what, count in soak.faults.items()))
    return int(any(soak.faults.values()))


def _soak(soak: Soak, options: argparse.Namespace) -> int:
    """Returns the number of strikes that hit something."""
    kinds, rng, struck = list(SEARCHES), random.Random(options.seed), 0
    soak.prepare(kinds)
    for number in range(1, options.strikes + 1):
        kind = kinds[number % len(kinds)]
        strike = Strike.draw(rng, soak.calm_s[kind])
        run = soak.strike(kind, strike)
        struck += run.struck
        hit = "" if run.struck else " (ended before)"
        print(f"{number:3} {kind}, {strike}{hit}: {run.code} in {run.took_s:.0f} s; {run.last_line[:150]}")
        for what in (*run.left, *run.strays):
            print(f"    left: {what}")
        if not run.told:
            print(run.said)
        sys.stdout.flush()
    for kind in kinds:
        soak.finish(kind)
    return struck


def _comes(process: subprocess.Popen[bytes], found: Callable[[], Value]) -> Value | None:
    """Returns what is `found` as soon as that is something, None where the process ends before."""
    while process.poll() is None:
        if value := found():
            return value
        time.sleep(0.002)
    return None


def _targets(search: int, name: str) -> Iterator[int]:
    """Yields the process of the search, or those below it whose command has `name`, which may be none yet."""
    if name == SEARCH:
        yield search
    else:
        yield from processes_below(search, name)


def _left(mark: str) -> list[str]:
    """Returns the commands of processes with that mark which live LEFT_S from now."""
    until = time.monotonic() + LEFT_S
    while _marked(mark) and time.monotonic() < until:
        time.sleep(0.1)
    return [
        Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
        for pid in _marked(mark)
    ]


def _marked(mark: str) -> list[int]:
    wanted, found = f"{_MARK}={mark}".encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
    return found


def _stamps(study: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (study / "trials").glob("*.json")}


def _said(study: Path) -> dict[str, Any]:
    """Returns by name what a study's results say, without the time that they took."""
    paths = [*study.glob("trials/*.json"), *study.glob("stages/*.json"), *study.glob("*.json")]
    return {
        str(path.relative_to(study)): _without_times(json.loads(path.read_text()))
        for path in paths
        if path.name not in ("live.json", "command.json", "notes.json", "holder.json")
    }


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(each) for name, each in value.items() if name not in _OF_A_RUN}
    return [_without_times(each) for each in value] if isinstance(value, list) else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--strikes", type=int, default=100, help="number of strikes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of what is struck and when")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of a trial (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="folder that keeps the calm studies for another soak")
    parser.add_argument(
        "--patience", type=float, default=900, help="seconds that a run has to end (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
