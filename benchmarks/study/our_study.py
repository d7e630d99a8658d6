"""The report's study by this project: `search.run --stage all` with a callback that notes the time."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.projection import STUDY_STAGES
from benchmarks.study.course import ENDED, FINISHED, STARTED
from data_prep.command_line.exit_codes import exit_code
from search import Tuner
from search.callbacks.callback import Callback
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.stage_results import Result
from trainables.trial import Trial, TrialConfig, TrialResult


class Course(Callback):
    """A callback that notes when it heard what."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def search_began(self, search: SearchId, trials: int) -> None:
        """Notes the time."""
        self._note("search_began")

    def trial_started(self, trial: Trial) -> None:
        """Notes the time."""
        self._note(STARTED)

    def trial_ended(self, result: TrialResult) -> None:
        """Notes the time, the configuration and the seconds of the epochs."""
        seconds = [epoch.seconds for epoch in result.epochs]
        self._note(ENDED, config=result.trial.config.to_dict(), epoch_seconds=seconds)

    def search_finished(self, result: Result) -> None:
        """Notes the time."""
        self._note(FINISHED)

    def _note(self, name: str, **values: Any) -> None:
        self.events.append({"name": name, "at": time.monotonic(), **values})


class TimedLedger:
    """A stand-in for `Ledger.record` that adds up what it takes."""

    def __init__(self) -> None:
        self.seconds, self._record = 0.0, Ledger.record

    def record(self, ledger: Ledger, result: TrialResult, predictions: np.ndarray | None = None) -> None:
        """Records the result and counts the time."""
        began = time.monotonic()
        self._record(ledger, result, predictions)
        self.seconds += time.monotonic() - began


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the study as far as it is not there, and writes its course to --out, also where it is stopped."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments), "stopped; the same command goes on")


def _run(arguments: argparse.Namespace) -> None:
    begin, course, ledger = time.monotonic(), Course(), TimedLedger()
    tuner = Tuner(
        callbacks=[course],
        data=str(arguments.manifest),
        weights=str(arguments.weights),
        backbone=TrialConfig.backbone,
        order=",".join(STUDY_STAGES),
        epochs=arguments.epochs,
        max_concurrent=1,
        study="study",
        storage=str(arguments.folder / "results"),
        cache=str(arguments.folder / "cache"),
        **({"values": [f"batch_size={arguments.batch_sizes}"]} if arguments.batch_sizes else {}),
    )
    problem = tuner._run.problem
    had_features = problem.has_rows(TrialConfig.backbone, arguments.folder / "cache")
    try:
        with patch.object(Ledger, "record", lambda *given: ledger.record(*given)):
            tuner.all()
    finally:
        rate = problem.extraction_rate(TrialConfig.backbone, arguments.folder / "cache")
        extraction_s = 0.0 if had_features or not rate else len(problem.manifest) / rate
        result = {
            "batch_sizes": arguments.batch_sizes,
            "begin": begin,
            "end": time.monotonic(),
            "events": course.events,
            "ledger_s": ledger.seconds,
            "extraction_s": extraction_s,
        }
        arguments.out.write_text(json.dumps(result), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.our_study", description=__doc__)
    for name in ("--manifest", "--weights", "--folder", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True, help="of every trial")
    parser.add_argument("--batch-sizes", default="", help="in place of the report's, with commas")
    return parser


if __name__ == "__main__":
    sys.exit(main())
