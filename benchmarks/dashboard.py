"""python -m benchmarks.dashboard: how soon the page shows a study of 20 trials, and one of 5,000.

Each round starts a fresh server and a fresh Chromium, so that nothing of the study is in any memory, opens
the page and clicks through all of it: every tab, every figure, the page of a trial. What is waited for is the
last of it: no chart, table or spinner is outstanding. A reader looks for a second before the next click
(`--look`). A ledger of thousands has its index from the first round on. With --first nothing is clicked, with
--picture one picture is taken of a study's page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.invented_study import write_study
from benchmarks.measure import machine, machine_in_words, write_result
from benchmarks.programs import Family

SIZES = (20, 5_000)
LAPTOP = {"width": 1280, "height": 800}
FIRST = "first view"
_TABLE = "table of trials"
# the texts that are there, and no chart, table or spinner that is still to come
_IS_SHOWN = """
([texts, charts]) => {
  const all = selector => [...document.querySelectorAll(selector)].filter(node => node.checkVisibility());
  const words = document.querySelector('[data-testid=stMain]')?.innerText ?? '';
  const figures = all('[data-testid=stVegaLiteChart]'), tables = all('[data-testid=stDataFrame]');
  return texts.every(text => words.includes(text)) && figures.length >= charts
    && [...figures, ...tables].every(each => each.querySelector('svg, canvas'))
    && !all('[data-testid=stSkeleton], [data-testid=stSpinner]').length
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning';
}
"""


@dataclass(frozen=True)
class Step:
    """A click, and what is there once the page has followed it: texts, and so many charts."""

    name: str
    click: Callable[[Page], None]
    texts: Sequence[str]
    charts: int = 0


@dataclass(frozen=True)
class Wait:
    """How long a reader waited, and the CPU seconds of the server and of the browser meanwhile."""

    name: str
    wall_s: float
    server_cpu_s: float
    browser_cpu_s: float


def _tab(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("tab", name=name, exact=True).click()


def _figure(name: str, text: str) -> Step:
    def choose(page: Page) -> None:
        page.get_by_role("combobox", name="Figure").fill(name)
        page.get_by_role("option", name=name, exact=True).click()

    return Step(f"figure {name}", choose, [text], 1)


def _first_trial(page: Page) -> None:
    table = page.get_by_test_id("stDataFrame").locator(".dvn-scroller")
    table.click(position={"x": 18, "y": 52})


STEPS = (
    Step(_TABLE, _tab("Trials"), ["click the head of a column", "One colour per stage"], 1),
    Step("page of a trial", _first_trial, ["The command that trains this configuration again", "Made by"], 2),
    Step(
        "back to the trials",
        lambda page: page.get_by_role("button", name="Back to the trials").click(),
        ["One colour per stage"],
        1,
    ),
    Step("tab Stages", _tab("Stages"), ["No stage is decided yet"]),
    Step("tab Joint search", _tab("Joint search"), ["Best so far, over time", "loss of R² when shuffled"], 4),
    Step("tab Hyperparameters", _tab("Hyperparameters"), ["completed trials."], 1),
    _figure("Slice", "Points of one value differ"),
    _figure("Contour", "the colour between them is interpolated"),
    _figure("Rank", "Nothing is interpolated"),
    _figure("Distribution", "A curve further to the right"),
    _figure("Parallel coordinates", "All trials"),
    Step("tab Outcome", _tab("Outcome"), ["The winner as options", "The winner as JSON"]),
    Step("tab Machine", _tab("Machine"), ["Where trials ran"]),
    Step("tab Search", _tab("Search"), ["Latest result"]),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what was measured, or takes a picture; returns 0."""
    arguments = _parser().parse_args(argv)
    if arguments.picture:
        take_picture(*arguments.picture)
        return 0
    result: dict[str, Any] = {"benchmark": "dashboard", "views": []}
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory() as folder:
            study = arguments.study or write_study(Path(folder) / "study", trials)
            steps = () if arguments.first else STEPS
            waits = _quickest([list(walk(study, steps, arguments.look)) for _ in range(arguments.rounds)])
        _print(trials, waits)
        result["views"].append({"trials": trials, "waits": [asdict(wait) for wait in waits]})
    print(f"best of {arguments.rounds} rounds; {machine_in_words(machine())}")
    write_result(result | {"machine": machine()}, arguments.json)
    return 0


def walk(study: Path, steps: Sequence[Step], look_s: float) -> Iterator[Wait]:
    """Opens the page on `study`, both fresh, clicks step by step, and yields how long a reader waited."""
    with served(study) as (address, server), opened() as page:
        family = Family(server), Family(os.getpid())

        def waited(step: Step) -> Wait:
            before, started = _cpu_s(family), time.perf_counter()
            step.click(page)
            page.wait_for_function(_IS_SHOWN, arg=[list(step.texts), step.charts], polling=20)
            wall_s, after = time.perf_counter() - started, _cpu_s(family)
            return Wait(step.name, wall_s, after[0] - before[0], after[1] - before[1])

        yield waited(Step(FIRST, lambda page: page.goto(address), ["trials in the ledger", "Latest result"]))
        for step in steps:
            page.wait_for_timeout(1000 * look_s)
            yield waited(step)


def _cpu_s(family: tuple[Family, Family]) -> tuple[float, float]:
    """Returns the CPU seconds so far of the server, and of the browser with what drives it."""
    for each in family:
        each.look()
    server, everything = (each.cpu_s() for each in family)
    return server, everything - server


def _quickest(rounds: Sequence[Sequence[Wait]]) -> list[Wait]:
    return [min(waits, key=lambda wait: wait.wall_s) for waits in zip(*rounds, strict=True)]


def _print(trials: int, waits: Sequence[Wait]) -> None:
    first, *clicks = waits
    print(f"{trials:>6,} trials: first view after {first.wall_s:.2f} s (limit 2 s; of 50,000 3 s)")
    if clicks:
        slowest = max(clicks, key=lambda wait: wait.wall_s)
        print(f"        slowest click {slowest.wall_s:.2f} s: {slowest.name} (limit 1 s)")
    for wait in waits:
        costs = f"CPU server {wait.server_cpu_s:.2f} s, browser {wait.browser_cpu_s:.2f} s"
        print(f"        {wait.name:<28} {wait.wall_s:5.2f} s   {costs}")


def take_picture(study: str, picture: str) -> None:
    """Writes a picture of the page on `study`, its chain of stages, at the size of a laptop."""
    with served(Path(study)) as (address, _), opened() as page:
        page.goto(address)
        page.get_by_text("trials in the ledger").wait_for()
        page.wait_for_timeout(3000)
        page.screenshot(path=picture)
    print(picture)


@contextmanager
def served(study: Path) -> Iterator[tuple[str, int]]:
    """Serves the page on `study` in a process of its own and gives its address and the process' id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "search.dashboard", str(study), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait()


@contextmanager
def opened() -> Iterator[Page]:
    """Starts Chromium and gives an empty page."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page(viewport=LAPTOP)  # type: ignore[arg-type]
        browser.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dashboard",
        description="How soon the page shows a study of 20 trials, and one of 5,000; needs Chromium.",
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--look", type=float, default=1.0, metavar="SECONDS", help="before each click (default: %(default)s)"
    )
    parser.add_argument("--first", action="store_true", help="the first view alone")
    parser.add_argument("--trials", type=int, nargs="+", default=SIZES, metavar="N", help="of the studies")
    parser.add_argument(
        "--study", type=Path, metavar="FOLDER", help="a study that is there, such as one of benchmarks.growth"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.add_argument(
        "--picture", nargs=2, metavar=("STUDY", "FILE"), help="take a picture of a study's page instead"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
