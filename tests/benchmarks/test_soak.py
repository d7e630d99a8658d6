"""The soak: it strikes what it says, and what trials learned is compared without the time that they took."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.soak import places
from benchmarks.soak.places import OneMachine
from benchmarks.soak.processes import MARK, marked
from benchmarks.soak.running import Run
from benchmarks.soak.strikes import ANY, ON_ONE_MACHINE, SEARCH, Strike
from benchmarks.soak.studies import agree, said_of
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_what_a_study_says_has_no_times_and_no_signs_of_life(tmp_path: Path) -> None:
    for study, seconds in (("calm", 1.0), ("struck", 2.0)):
        (tmp_path / study / "trials").mkdir(parents=True)
        trial = {"epochs": [{"val_accuracy": 0.5, "seconds": seconds}]}
        (tmp_path / study / "trials" / "a.json").write_text(json.dumps(trial))
    for sign in ("live.json", ".holder.json", ".lease-0a1b.json"):
        (tmp_path / "struck" / sign).write_text("{}")
    said = said_of(tmp_path / "calm")
    assert said == said_of(tmp_path / "struck") == {"trials/a.json": {"epochs": [{"val_accuracy": 0.5}]}}


@pytest.mark.parametrize(("tolerance", "agreed"), [(0.0, False), (1e-5, True), (1e-9, False)])
def test_numbers_of_packs_agree_up_to_rounding(tolerance: float, agreed: bool) -> None:
    calm = {"epochs": [{"loss": 0.5, "epoch": 1}], "predictions_digest": "a", "made_by": {"packed": 2}}
    struck = {"epochs": [{"loss": 0.5 + 1e-7, "epoch": 1}], "predictions_digest": "b", "made_by": {}}
    assert agree(calm, struck, tolerance) == agreed
    assert agree(calm, calm, 0.0)
    assert not agree(calm, {**struck, "epochs": [{"loss": 0.5, "epoch": 2}]}, tolerance)


def test_half_of_the_strikes_come_at_a_bad_moment() -> None:
    rng = random.Random(1)
    moments = Counter(Strike.draw(rng, ON_ONE_MACHINE, 30).moment for _ in range(2000))
    assert moments[ANY] / moments.total() == pytest.approx(0.5, abs=0.05)
    assert len(moments) == 4


def test_processes_of_a_search_are_found_by_their_command(tmp_path: Path) -> None:
    place = OneMachine(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()", "a-mark"], stdin=subprocess.PIPE) as process:
        try:
            # the system shows a command and its variables a moment after it began
            found = wait_until(lambda: place.pids(os.getpid(), "a-mark"), "its command is shown")
            assert found == [process.pid]
            assert place.pids(process.pid, "a-mark") == []
            assert place.pids(process.pid, SEARCH) == [process.pid]
        finally:
            process.kill()


def test_storage_that_was_away_is_back_and_says_what_was_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "AWAY_S", 0.0)
    place = OneMachine(tmp_path)
    study = place.written("study")
    study.mkdir(parents=True)
    (study / "kept").touch()
    with place.away("study") as strays:
        (study / "stray").touch()
    assert strays == ["stray"]
    assert [path.name for path in study.iterdir()] == ["kept"]


def test_processes_of_a_run_are_known_by_their_mark() -> None:
    command = [sys.executable, "-c", "input()"]
    own = {**os.environ, MARK: "this-run"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=own, start_new_session=True) as process:
        try:
            assert wait_until(lambda: marked("this-run"), "its mark is shown") == [process.pid]
            assert marked("this") == []
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (Run(code=0, said="winner"), True),
        (Run(code=1, said="a line\nerror: no room\n"), True),
        (Run(code=130, said="interrupted: finished trials are kept"), True),
        (Run(code=-9), True),  # who was killed can say nothing
        (Run(code=1, said="Traceback (most recent call last):\nerror: no room"), False),
        (Run(code=1, said="[2026-11-26 19:00:00,1 E 1 1] gone"), False),
        (Run(code=15), False),
    ],
)
def test_run_is_told_that_ends_with_its_sentence_and_a_documented_code(run: Run, told: bool) -> None:
    assert run.told is told


def test_lines_of_rays_are_seen() -> None:
    assert Run(said="lr 0.1\n[2026-11-26 19:00:00,123 E 1 2] core_worker.cc: gone").has_lines_of_ray
    assert Run(said="(raylet) a worker died").has_lines_of_ray
    assert not Run(said="winner: lr 0.1 (2026-11-26)").has_lines_of_ray
