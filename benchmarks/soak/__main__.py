"""python -m benchmarks.soak: strikes running searches again and again; they must end as those nobody struck.

Each strike, and its moment, is drawn from --seed: a signal to the search, the death of one of its processes,
or a storage that goes away and comes back; while Ray starts, while a file is written, while the storage is
away, or at any time. The same command then goes on, until its study is whole and is compared with a calm one;
then the next study of that kind begins. What must be nothing is counted.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.soak.running import Run, Runner
from benchmarks.soak.searches import SEARCHES
from benchmarks.soak.strikes import ANY, Strike
from benchmarks.soak.studies import FAULTS, Kind, draw_data


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line for each strike, and the counts; returns 0 where all of them are nothing."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of a shell ignores it
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True))
        )
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        draw_data(folder)
        runner = Runner(folder, options.patience)
        places = {name: stack.enter_context(SEARCHES[name].place(folder)) for name in options.kinds}
        kinds = [Kind(name, place, runner, options.epochs) for name, place in places.items()]
        moments = _soak(kinds, options)
    faults = sum((kind.faults for kind in kinds), Counter())
    _tell(kinds, moments, faults)
    return int(any(faults.values()))


def _soak(kinds: Sequence[Kind], options: argparse.Namespace) -> Counter[str]:
    """Returns the number of strikes that hit something, by their moments."""
    rng, moments = random.Random(options.seed), Counter[str]()
    for kind in kinds:
        kind.prepare()
    number = 0
    while moments.total() < options.strikes:
        number += 1
        kind = kinds[number % len(kinds)]
        strike = Strike.draw(rng, kind.place.targets, kind.calm_s)
        before = kind.faults.copy()
        run = kind.strike(strike)
        moments[strike.moment] += run.struck
        _tell_strike(f"{number:3} {kind.name}, {strike}", run, kind.faults - before)
    for kind in kinds:
        kind.finish()
    return moments


def _tell_strike(what: str, run: Run, faults: Counter[str]) -> None:
    hit = "" if run.struck else " (hit nothing)"
    print(f"{what}{hit}: {run.code} in {run.took_s:.0f} s; {run.last_line[:150]}")
    for each in (*run.left, *run.strays):
        print(f"    left: {each}")
    if faults:
        print(f"    FAULTS: {', '.join(f'{count} {fault}' for fault, count in faults.items())}\n{run.said}")
    sys.stdout.flush()


def _tell(kinds: Sequence[Kind], moments: Counter[str], faults: Counter[str]) -> None:
    for kind in kinds:
        print(f"{kind.name}: {kind.strikes} strikes, the last {kind.in_a_row} of them without a fault")
    early = moments.total() - moments[ANY]
    told = ", ".join(f"{faults[fault]} {fault}" for fault in FAULTS)
    print(f"{moments.total()} strikes, {early} of them at a bad moment: {told}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument(
        "--strikes", type=int, default=100, help="strikes that hit something (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of what is struck and when")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of a trial (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="folder that keeps the calm studies for another soak")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=SEARCHES,
        default=list(SEARCHES),
        help="which searches (default: all)",
    )
    parser.add_argument(
        "--patience", type=float, default=900, help="seconds that a run has to end (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
