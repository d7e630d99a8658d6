"""What is made of a trial whose worker failed too often."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from makers import make_problem

from search.collector import Collector, Policy
from search.driver import assignment_of
from search.watching import Observers
from trainables.trial import Trial, TrialConfig, TrialStatus


@dataclass
class TuneTrial:
    """What a callback sees of a trial of Tune's."""

    config: dict[str, Any]
    error: Exception | None
    trial_id: str = "1"
    status: str = field(default="ERROR")

    def get_error(self) -> Exception | None:
        """Returns what the worker raised."""
        return self.error


@pytest.mark.parametrize(
    ("error", "reason", "log"),
    [
        (RuntimeError("Traceback:\nOSError: gone\n"), "OSError: gone", "Traceback:\nOSError: gone\n"),
        (None, "its worker died", ""),
    ],
)
def test_worker_that_failed_too_often_leaves_its_reason_and_its_words(
    tmp_path: Path, error: Exception | None, reason: str, log: str
) -> None:
    problem = make_problem(tmp_path)
    trial = problem.trial(TrialConfig(epochs=1), "random")
    logs: list[tuple[Trial, str]] = []
    collector = Collector(
        problem, lambda *_: None, Observers(()), Policy(), lambda ours, text: logs.append((ours, text))
    )
    failed = TuneTrial({"trial": assignment_of(trial)}, error)
    collector.on_trial_start(1, [], failed)
    collector.on_trial_error(1, [], failed)
    (result,) = collector.results.values()
    assert (result.status, result.reason) == (TrialStatus.FAILED, reason)
    assert logs == [(trial, log)]
