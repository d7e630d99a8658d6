"""python -m benchmarks.dashboard: how soon the page shows a study of 20 trials, and one of 5,000.

Each round starts a fresh server and a fresh Chromium, so that nothing of the study is in any memory. With
--picture it takes one picture of a study's page instead.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.invented_study import write_study
from benchmarks.measure import machine, machine_in_words, write_result

SIZES = (20, 5_000)
LAPTOP = {"width": 1280, "height": 800}


@dataclass(frozen=True)
class View:
    """What a reader waits for: the study's chain of stages, and after a click the table of its trials."""

    first_s: float
    trials_s: float


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what was measured, or takes a picture; returns 0."""
    arguments = _parser().parse_args(argv)
    if arguments.picture:
        take_picture(*arguments.picture)
        return 0
    result: dict[str, Any] = {"benchmark": "dashboard", "views": []}
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory() as folder:
            study = write_study(Path(folder) / "study", trials)
            views = [view(study) for _ in range(arguments.rounds)]
        first, table = (min(getattr(one, name) for one in views) for name in ("first_s", "trials_s"))
        print(
            f"{trials:>5} trials: first view after {first:.2f} s (limit 2 s), "
            f"table of trials {table:.2f} s after a click (limit 1 s)"
        )
        result["views"].append({"trials": trials, "first_s": first, "trials_s": table})
    print(f"best of {arguments.rounds} rounds; {machine_in_words(machine())}")
    write_result(result | {"machine": machine()}, arguments.json)
    return 0


def view(study: Path) -> View:
    """Opens the page on `study`, both fresh, and returns how long a reader waited."""
    with served(study) as address, opened(address) as (page, started):
        page.get_by_text("Joint search", exact=True).last.wait_for()
        page.get_by_text("trials in the ledger").wait_for()
        first_s = time.perf_counter() - started
        clicked = time.perf_counter()
        page.get_by_role("tab", name="Trials", exact=True).click()
        page.get_by_text("click the head of a column").wait_for()
        page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
        return View(first_s, time.perf_counter() - clicked)


def take_picture(study: str, picture: str) -> None:
    """Writes a picture of the page on `study`, its chain of stages, at the size of a laptop."""
    with served(Path(study)) as address, opened(address) as (page, _):
        page.get_by_text("trials in the ledger").wait_for()
        page.wait_for_timeout(3000)
        page.screenshot(path=picture)
    print(picture)


@contextmanager
def served(study: Path) -> Iterator[str]:
    """Serves the page on `study` in a process of its own and gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "search.dashboard", str(study), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def opened(address: str) -> Iterator[tuple[Page, float]]:
    """Opens `address` in Chromium and gives the page with the moment at which it was asked for."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=LAPTOP)  # type: ignore[arg-type]
        started = time.perf_counter()
        page.goto(address)
        yield page, started
        browser.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dashboard",
        description="How soon the page shows a study of 20 trials, and one of 5,000; needs Chromium.",
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--trials", type=int, nargs="+", default=SIZES, metavar="N", help="of the studies")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.add_argument(
        "--picture", nargs=2, metavar=("STUDY", "FILE"), help="take a picture of a study's page instead"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
