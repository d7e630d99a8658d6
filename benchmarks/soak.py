"""python -m benchmarks.soak: strikes a running search again and again; it must end as one that nobody struck.

Each strike comes at a moment drawn from --seed: a signal to the search, or the death of one of its processes,
also while Ray starts. The same command then goes on. What must be nothing is counted: trials that were lost,
trained twice or differ, and runs that ended without a sentence or not within --patience.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.programs import processes_below

COMMAND = (sys.executable, "-m", "search.run", "--stage", "lr", "--no-tensorboard", "--wandb", "disabled")
SEARCH = ""  # the process of the search itself, among those that are struck
STRIKES = (
    (SEARCH, signal.SIGINT),
    (SEARCH, signal.SIGTERM),
    (SEARCH, signal.SIGKILL),
    ("ImplicitFunc", signal.SIGKILL),
    ("raylet/raylet", signal.SIGKILL),
    ("gcs_server", signal.SIGKILL),
    ("trainables.features", signal.SIGKILL),
)
CODES = {0, 1, 130, 143}  # documented


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line a strike and the counts; returns 0 where all of them are nothing."""
    options = _options(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of a shell ignores it
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        faults = _soak(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(", ".join(f"{count} {what}" for what, count in faults.items()))
    return int(any(faults.values()))


def _soak(folder: Path, options: argparse.Namespace) -> Counter[str]:
    rng, faults = random.Random(options.seed), Counter(dict.fromkeys(_FAULTS, 0))
    epochs = ("--epochs", str(options.epochs))
    started = time.monotonic()
    subprocess.run([*COMMAND, *epochs, "--study", "calm"], cwd=folder, check=True, capture_output=True)
    calm_s = time.monotonic() - started
    known: dict[str, int] = {}
    for number in range(1, options.strikes + 1):
        target, sent = rng.choice(STRIKES)
        after_s = rng.uniform(0, min(calm_s, options.within or calm_s))
        code, said, took_s = _struck(folder, epochs, target, sent, after_s, options.patience)
        # a search that was killed can say nothing, and one that was not struck says how it ended
        told = code == -signal.SIGKILL or (code in CODES and "Traceback" not in said)
        faults["without a sentence"] += not told
        faults["not ended in time"] += code is None
        stamps = _stamps(folder / "results" / "struck")
        faults["trained twice"] += sum(stamps.get(key) not in (None, stamp) for key, stamp in known.items())
        faults["lost"] += sum(key not in stamps for key in known)
        known = stamps
        what = f"{sent.name} to {target or 'the search'} after {after_s:.0f} s"
        last = said.strip().splitlines()[-1:] or [""]
        print(
            f"{number:3} {what}: {code} in {took_s:.0f} s, {len(known)} trials; {last[0][:150]}", flush=True
        )
    subprocess.run([*COMMAND, *epochs, "--study", "struck"], cwd=folder, check=True, capture_output=True)
    calm, struck = (_learned(folder / "results" / study) for study in ("calm", "struck"))
    faults["different"] = sum(calm[key] != struck.get(key) for key in calm)
    return faults


_FAULTS = ("lost", "trained twice", "different", "without a sentence", "not ended in time")


def _struck(
    folder: Path, epochs: Sequence[str], target: str, sent: signal.Signals, after_s: float, patience_s: float
) -> tuple[int | None, str, float]:
    """Returns the exit code, what was said, and the seconds from the strike to the end."""
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [*COMMAND, *epochs, "--study", "struck"],
            cwd=folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
        ) as process,
    ):
        time.sleep(after_s)
        hit = time.monotonic()
        for pid in _targets(process.pid, target):
            os.kill(pid, sent)
        try:
            code: int | None = process.wait(patience_s)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(process.pid, signal.SIGKILL)
        took_s = time.monotonic() - hit
        said.seek(0)
        return code, said.read(), took_s


def _targets(search: int, name: str) -> Iterator[int]:
    """Yields the process of the search, or those below it whose command has `name`, which may be none yet."""
    if name:
        yield from processes_below(search, name)
    else:
        yield search


def _stamps(study: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (study / "trials").glob("*.json")}


def _learned(study: Path) -> dict[str, Any]:
    """Returns by key what each trial learned: its epochs without the time that they took."""
    found = {path.stem: json.loads(path.read_text()) for path in (study / "trials").glob("*.json")}
    return {
        key: [
            {name: value for name, value in epoch.items() if name != "seconds"} for epoch in trial["epochs"]
        ]
        for key, trial in found.items()
    }


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--strikes", type=int, default=100, help="number of strikes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of what is struck and when")
    parser.add_argument("--epochs", type=int, default=60, help="epochs of a trial (default: %(default)s)")
    parser.add_argument(
        "--within", type=float, help="seconds within which a strike falls (default: a whole run)"
    )
    parser.add_argument(
        "--patience", type=float, default=300, help="seconds that a run has to end (default: %(default)s)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
