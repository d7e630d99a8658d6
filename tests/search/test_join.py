"""Two drivers of one study as a user runs them: they share a stage, also where one of them is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_prep.storage.lease import Sign
from search.study.holding.holder import Holder
from search.study.holding.shared_work import JOINED
from tests.waiting import SEARCH_S, running, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.slow]

VALUES = (0.03, 0.01, 0.003, 0.001)


class Program:
    """A driver that was started, and what it said so far."""

    def __init__(self, process: subprocess.Popen[Any], printed: Path, said: Path) -> None:
        self.process, self._printed, self._said = process, printed, said

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def begun(self) -> list[str]:
        """The keys of the trials that it has begun with."""
        return re.findall(r"trial (\w+) begins", self.said)

    def found(self) -> dict[str, Any]:
        """What it found, once it has ended."""
        assert self.process.wait(SEARCH_S) == 0, self.said
        return dict(json.loads(self._printed.read_text()))

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def two_drivers(folder: Path, epochs: int) -> Iterator[list[Program]]:
    """Starts a driver of a study and one that joins; both begin to train at once, when all is ready.

    Until then a third one is there, which has all trials.
    """
    study = folder / "results" / "shared"
    study.mkdir(parents=True)
    me = Holder(host="third", pid=1, user="ann", since="")
    with driver(folder, "plan", epochs, "--dry-run") as plan:
        claimed = {"trials": [trial["key"] for trial in plan.found()["trials"]]}
    third = Sign(study, me.saying(**claimed), JOINED)
    third.show()
    with ExitStack() as stack:
        programs = []
        for name, more in (("first", []), ("second", ["--join"])):
            programs.append(stack.enter_context(driver(folder, name, epochs, *more)))
            seen = wait_until(lambda: seen_by(third, len(programs)), "another driver has come")
            third.content = me.saying(**claimed, seen=seen)
            third.show()
        wait_until(lambda: "stage lr: 4 trials" in programs[1].said, "the second one has joined")
        third.remove()
        yield programs


def seen_by(third: Sign, drivers: int) -> list[str]:
    """Returns the names of the other drivers, once there are so many and all have seen the third."""
    others = {other.name: other.content for other in third.others(".lease-", JOINED)}
    are_ready = len(others) == drivers and all(third.name.encode() in content for content in others.values())
    return list(others) if are_ready else []


@contextmanager
def driver(folder: Path, name: str, epochs: int, *more: str) -> Iterator[Program]:
    """Runs the search, or what `more` makes of it."""
    values = ",".join(map(str, VALUES))
    options = ["--stage", "lr", "--values", values, "--epochs", str(epochs), "--study", "shared", *more]
    machine = ["--cpus-per-trial", "1", "--max-concurrent", "1", "--verbose", "--json", "--wandb", "disabled"]
    command = [sys.executable, "-m", "search.run", "--backbone", "keras:MobileNetV2", *options, *machine]
    printed, said = folder / f"{name}.json", folder / f"{name}.txt"
    with (
        printed.open("w") as stdout,
        said.open("w") as stderr,
        running(command, folder, stdout=stdout, stderr=stderr) as process,
    ):
        yield Program(process, printed, said)


def accuracies(found: dict[str, Any]) -> dict[str, Sequence[float]]:
    """Returns the validation accuracies of all epochs by trial."""
    return {trial["key"]: [epoch["val_accuracy"] for epoch in trial["epochs"]] for trial in found["trials"]}


def test_two_drivers_share_a_stage_and_find_what_one_finds(tmp_path: Path) -> None:
    with two_drivers(tmp_path, epochs=100) as (first, second):
        found = [first.found(), second.found()]
    begun = [key for key in first.begun + second.begun if key in accuracies(found[0])]
    assert sorted(begun) == sorted(accuracies(found[0]))  # each once
    assert set(second.begun) & set(begun)
    assert set(first.begun) & set(begun)
    assert f"joined    process {second.process.pid} of" in first.said
    assert f"joined    the run of process {first.process.pid} of" in second.said
    assert not list((tmp_path / "results" / "shared").glob(".joined-*"))
    assert found[0]["winner"] == found[1]["winner"]

    with driver(tmp_path, "alone", 100, "--storage", "alone") as alone:
        lonely = alone.found()
    assert accuracies(lonely) == accuracies(found[0])
    assert lonely["winner"] == found[0]["winner"]


@pytest.mark.parametrize("killed", [0, 1], ids=["holder", "joined"])
def test_driver_goes_on_where_the_other_is_killed(tmp_path: Path, killed: int) -> None:
    with two_drivers(tmp_path, epochs=100) as programs:
        victim, left = programs[killed], programs[1 - killed]
        wait_until(lambda: victim.begun and left.begun, "both train", seconds=SEARCH_S)
        victim.kill()
        found = left.found()
    assert len(found["trials"]) == len(VALUES)
    assert found["winner"] is not None
    assert "which gave no sign of life" in left.said
    assert set(victim.begun) <= {trial["key"] for trial in found["trials"]}


def test_other_options_are_refused(tmp_path: Path) -> None:
    with two_drivers(tmp_path, epochs=1) as (first, _), driver(tmp_path, "other", 2, "--join") as other:
        assert other.process.wait(SEARCH_S) == 1
        assert re.search(r"is being run with other options: .* there, .* here; give the same", other.said)
        first.kill()
