"""The soak: it strikes what it says, and what trials learned is compared without the time that they took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import soak
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_what_a_study_says_has_no_times(tmp_path: Path) -> None:
    for study, seconds in (("calm", 1.0), ("struck", 2.0)):
        (tmp_path / study / "trials").mkdir(parents=True)
        trial = {"epochs": [{"val_accuracy": 0.5, "seconds": seconds}]}
        (tmp_path / study / "trials" / "a.json").write_text(json.dumps(trial))
    said = soak._said(tmp_path / "calm")
    assert said == soak._said(tmp_path / "struck") == {"trials/a.json": {"epochs": [{"val_accuracy": 0.5}]}}


def test_processes_below_the_search_are_found_by_their_command() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "a-mark"], stdin=subprocess.PIPE) as process:
        try:
            # the system shows a command and its variables a moment after it began
            found = wait_until(lambda: list(soak._targets(os.getpid(), "a-mark")), "its command is shown")
            assert found == [process.pid]
            assert list(soak._targets(process.pid, "a-mark")) == []
            assert list(soak._targets(process.pid, soak.SEARCH)) == [process.pid]
        finally:
            process.kill()


def test_processes_of_a_run_are_known_by_their_mark() -> None:
    command = [sys.executable, "-c", "input()"]
    marked = {**os.environ, soak._MARK: "this-run"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=marked, start_new_session=True) as process:
        try:
            assert wait_until(lambda: soak._marked("this-run"), "its mark is shown") == [process.pid]
            assert soak._marked("this") == []
        finally:
            process.kill()


def test_run_that_ends_with_a_traceback_or_an_unknown_code_told_nothing() -> None:
    assert soak.Run(code=1, said="error: no room").told
    assert soak.Run(code=-9).told  # who was killed can say nothing
    assert not soak.Run(code=1, said="Traceback (most recent call last):").told
    assert not soak.Run(code=15, said="").told
