"""python -m benchmarks.dashboard: how soon the page shows a study of 20 trials, and one of 5,000.

Each round starts a fresh server and a fresh Chromium, so that nothing of the study is in any memory. With
--picture it takes one picture of a study's page instead.
"""

from __future__ import annotations

import argparse
import math
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.measure import machine, machine_in_words
from search.space.stages import STAGES
from search.study.facts import StudyFacts
from search.study.folder import open_study
from search.study.ledger import Ledger
from search.study.stage_results import ComparisonProtocol, Entry, JointResult, StageFiles
from trainables.objective import Objective
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus

SIZES = (20, 5_000)
LIMITS_S = {20: 2.0, 5_000: 3.0}
EPOCHS = 20
FACTS = StudyFacts(
    data_digest="0" * 32,
    source="folder",
    images=12_194,
    labels={"0": 6_455, "1": 5_739},
    class_names=("one", "other"),
    subjects=2_284,
    split="random",
    weights="none",
    keras_backend="jax",
)
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
    for trials in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            study = write_study(Path(folder) / "study", trials)
            views = [view(study) for _ in range(arguments.rounds)]
        first, table = (min(getattr(one, name) for one in views) for name in ("first_s", "trials_s"))
        print(
            f"{trials:>5} trials: first view after {first:.2f} s (limit {LIMITS_S[trials]:.0f} s), "
            f"table of trials {table:.2f} s after a click"
        )
    print(f"best of {arguments.rounds} rounds; {machine_in_words(machine())}")
    return 0


def view(study: Path) -> View:
    """Opens the page on `study`, both fresh, and returns how long a reader waited."""
    with served(study) as address, opened(address) as (page, started):
        page.get_by_text("Joint search", exact=True).last.wait_for()
        page.get_by_text("trials in the ledger").wait_for()
        first_s = time.perf_counter() - started
        clicked = time.perf_counter()
        page.get_by_role("tab", name="Trials", exact=True).click()
        page.get_by_text("a click on a column").wait_for()
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


def write_study(folder: Path, trials: int) -> Path:
    """Writes a study with a joint search of that many invented trials, and returns its folder."""
    open_study(folder, FACTS)
    ledger, rng = Ledger(folder), np.random.default_rng(7)
    results = [_result(config, rng) for config in _configs(trials)]
    for result in results:
        ledger.record(result)
    best = max(results, key=lambda result: result.mean_val_accuracy)
    StageFiles(folder).write(_joint(results, best))
    return folder


def _configs(count: int) -> Iterator[TrialConfig]:
    stages = [STAGES[name] for name in ("batch_size", "lr", "neurons", "dropout")]
    grid = list(product(*(stage.values for stage in stages)))
    for number in range(count):
        values = zip((stage.hyperparameter for stage in stages), grid[number % len(grid)], strict=True)
        yield replace(TrialConfig(epochs=EPOCHS), **dict(values), seed=7 + number // len(grid))


def _result(config: TrialConfig, rng: np.random.Generator) -> TrialResult:
    level = float(rng.normal(0.88, 0.02))
    facts = {name: getattr(FACTS, name) for name in ("data_digest", "weights", "keras_backend")}
    epochs = tuple(
        EpochMetrics(
            epoch=epoch,
            loss=1 / epoch,
            accuracy=level,
            val_loss=1 / epoch,
            val_accuracy=level - 0.3 / epoch + float(rng.normal(0, 0.003)),
            learning_rate=config.learning_rate,
            seconds=0.5,
        )
        for epoch in range(1, EPOCHS + 1)
    )
    return TrialResult(
        trial=Trial(config=config, split="random", **facts),
        status=TrialStatus.COMPLETED,
        epochs=epochs,
        seconds=EPOCHS / 2,
        made_by={"node": "invented"},
    )


def _joint(results: Sequence[TrialResult], best: TrialResult) -> JointResult:
    config = best.trial.config
    entry = Entry(
        value=None,
        config=config,
        trials=(best.trial.key,),
        reused=(),
        status="COMPLETED",
        reason="",
        mean=best.mean_val_accuracy,
        spread=math.nan,
        best_val_accuracy=best.best_val_accuracy,
        best_epoch=best.best_epoch,
        seconds=best.seconds,
    )
    return JointResult(
        objective=Objective(),
        protocol=ComparisonProtocol(split="random", splits=("random",), seeds=(7,), level=0.05),
        base=TrialConfig(epochs=EPOCHS),
        taken_over={},
        entries=(entry,),
        winner=config,
        verdict="single",
        statement="invented trials have no winner worth a name",
        settings={"search": "random", "scheduler": "none"},
        trials=tuple(one.trial.key for one in results),
        seconds=1.0,
        finished_at="2026-01-01T00:00:00.000000+00:00",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dashboard",
        description="How soon the page shows a study of 20 trials, and one of 5,000; needs Chromium.",
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--picture", nargs=2, metavar=("STUDY", "FILE"), help="take a picture of a study's page instead"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
