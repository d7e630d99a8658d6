"""Snapshots of studies, and the live state of runs that nobody runs."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.search.makers import make_epochs
from trainables.trial import Trial


@pytest.fixture
def write_live() -> Callable[..., None]:
    """Writes `live.json` as a run of this process would that trains the learning rate; see `_write_live`."""
    return _write_live


def _write_live(
    folder: Path, running: dict[Trial, list[float]] | None = None, failed: Trial | None = None, **values: Any
) -> None:
    """`running` are trials with the validation accuracies of their epochs so far."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    plain = {
        "format": 1,
        "state": "running",
        "search": "stage lr",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_at": now,
        "begun_at": now,
        "written_at": now,
        "expected": 4,
        "done": 1,
        "seconds_left": 41.0,
        "running": [_trial(trial, accuracies) for trial, accuracies in (running or {}).items()],
        "failed": [{**_trial(failed, [0.5]), "reason": "its worker died"}] if failed else [],
        "asked": {"stages": ["lr", "dropout"], "ray_address": "local", "data": "mine.parquet"},
        "cluster": {},
    }
    (folder / "live.json").write_text(json.dumps({**plain, **values}))


def _trial(trial: Trial, accuracies: list[float]) -> dict[str, Any]:
    return {
        "key": trial.key,
        "config": trial.config.to_dict(),
        "split": trial.split,
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "epochs": [vars(epoch) for epoch in make_epochs(accuracies)],
        "reason": "",
    }
