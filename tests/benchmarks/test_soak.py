"""The soak: it strikes what it says, and what trials learned is compared without the time that they took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import soak

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_what_trials_learned_has_no_times(tmp_path: Path) -> None:
    for study, seconds in (("calm", 1.0), ("struck", 2.0)):
        (tmp_path / study / "trials").mkdir(parents=True)
        trial = {"epochs": [{"val_accuracy": 0.5, "seconds": seconds}]}
        (tmp_path / study / "trials" / "a.json").write_text(json.dumps(trial))
    learned = soak._learned(tmp_path / "calm")
    assert learned == soak._learned(tmp_path / "struck") == {"a": [{"val_accuracy": 0.5}]}


def test_processes_below_the_search_are_found_by_their_command() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "a-mark"], stdin=subprocess.PIPE) as process:
        try:
            assert list(soak._targets(os.getpid(), "a-mark")) == [process.pid]
            assert list(soak._targets(process.pid, "a-mark")) == []
            assert list(soak._targets(process.pid, "")) == [process.pid]
        finally:
            process.kill()
