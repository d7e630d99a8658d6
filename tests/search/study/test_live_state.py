"""The live state of a run: what it says while the run lasts and afterwards, and what it never does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from data_prep.storage.standing import standing, watched
from search.callbacks.live_state_writer import LiveStateWriter
from search.study.live_state import Live, LiveState, read_live
from search.study.search_id import SearchId, SearchKind
from tests.search.makers import make_epochs, make_result, make_stage_result, make_trial, unseal
from tests.waiting import wait_until
from trainables.trial import TrialStatus

TRIAL = make_trial(epochs=4, learning_rate=0.1)
LR = SearchId(SearchKind.STAGE, "lr")


@contextmanager
def live_file(folder: Path, **options: Any) -> Iterator[LiveStateWriter]:
    with closing(LiveStateWriter(folder, {"mode": "staged"}, every_s=0.01, **options)) as file:
        yield file


def wait_for(folder: Path, holds: Callable[[Live], bool]) -> Live:
    """Returns the live state as soon as `holds` says so of it."""

    def found() -> Live | None:
        live = read_live(folder)
        return live if live and holds(live) else None

    live = wait_until(found, "the live state says what the test looks for")
    assert live
    return live


def change(folder: Path, **values: Any) -> None:
    path = folder / "live.json"
    unseal(path, format=1, **values)


def test_live_file_tells_of_running_trials(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(LR, 4)
        file.trial_started(TRIAL)
        for metrics in make_epochs([0.5, 0.75]):
            file.epoch_ended(TRIAL, metrics)
        live = wait_for(tmp_path, lambda live: any(len(trial.epochs) == 2 for trial in live.running))
    assert (live.state, live.search, live.expected, live.done) == (LiveState.RUNNING, LR, 4, 0)
    assert (live.pid, live.asked) == (os.getpid(), {"mode": "staged"})
    (running,) = live.running
    assert (running.key, running.config, running.split) == (TRIAL.key, TRIAL.config, "random")
    assert [epoch["val_accuracy"] for epoch in running.epochs] == [0.5, 0.75]


def test_live_file_estimates_the_time_left_by_epochs(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(LR, 2)
        assert wait_for(tmp_path, lambda live: live.expected == 2).seconds_left is None
        file.epoch_ended(TRIAL, make_epochs([0.5])[0])
        live = wait_for(tmp_path, lambda live: live.seconds_left is not None)
    assert live.seconds_left is not None
    assert live.seconds_left > 0


def test_live_file_counts_what_planned_trials_cost(tmp_path: Path) -> None:
    sizes = [make_trial(batch_size=size) for size in (2, 32, 64)]
    with live_file(tmp_path) as file:
        file.search_began(LR, 3)
        file.trials_planned(sizes)
        began = time.monotonic()
        file.trial_started(sizes[0])
        file.trial_ended(make_result(sizes[0], 0.5))  # 32 of 35 parts
        live = wait_for(tmp_path, lambda live: live.done == 1)
    assert live.seconds_left is not None
    assert live.seconds_left <= (time.monotonic() - began) * 3 / 32


def test_live_file_of_a_run_that_ended(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(LR, 1)
        file.trial_ended(make_result(TRIAL, 0.5))
        file.search_finished(make_stage_result())
    live = read_live(tmp_path)
    assert live
    assert (live.state, live.done, live.running) == (LiveState.ENDED, 1, ())


def test_live_file_of_a_run_that_was_interrupted(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(LR, 2)
        file.trial_ended(make_result(TRIAL, 0.5))
    live = read_live(tmp_path)
    assert live
    assert live.state is LiveState.INTERRUPTED


def test_live_file_of_a_last_reading_that_no_stage_follows(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(SearchId.parse("held-out data"), 1)
        file.trial_ended(make_result(TRIAL, 0.5))
    live = read_live(tmp_path)
    assert live
    assert live.state is LiveState.ENDED


def test_live_file_counts_a_race_together_and_the_next_stage_anew(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(LR, 4)
        file.search_began(LR, 3)
        assert wait_for(tmp_path, lambda live: live.expected == 7).search == LR
        file.search_finished(make_stage_result())
        file.search_began(LR, 2)  # a second sweep
        wait_for(tmp_path, lambda live: live.expected == 2)


def test_live_file_keeps_the_reason_and_the_epochs_of_a_failed_trial(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(LR, 1)
        file.epoch_ended(TRIAL, make_epochs([float("nan")])[0])
        file.trial_ended(make_result(TRIAL, status=TrialStatus.FAILED, reason="its worker died"))
    live = read_live(tmp_path)
    assert live
    (failed,) = live.failed
    assert (failed.key, failed.reason) == (TRIAL.key, "its worker died")
    assert [epoch["val_accuracy"] for epoch in failed.epochs] == [None]


def test_live_file_repeats_the_epochs_of_a_trial_that_started_again(tmp_path: Path) -> None:
    with live_file(tmp_path) as file:
        file.search_began(LR, 1)
        for metrics in (*make_epochs([0.5, 0.6, 0.7]), *make_epochs([0.1, 0.65])[1:]):
            file.trial_started(TRIAL)
            file.epoch_ended(TRIAL, metrics)
        live = wait_for(tmp_path, lambda live: bool(live.running) and len(live.running[0].epochs) == 2)
    assert [epoch["val_accuracy"] for epoch in live.running[0].epochs] == [0.5, 0.65]


def test_live_file_asks_for_the_cluster_when_it_writes(tmp_path: Path) -> None:
    with live_file(tmp_path, cluster=lambda: {"nodes": 2}):
        wait_for(tmp_path, lambda live: live.cluster == {"nodes": 2})


def test_live_file_that_cannot_be_written_warns_once_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr("warnings.warn", lambda message, **_: warned.append(message))
    (tmp_path / "study").write_text("a file, where a folder should be")
    with live_file(tmp_path / "study") as file:
        file.search_began(LR, 1)
    assert len(warned) == 1
    assert "cannot be written" in warned[0]


def test_live_file_whose_storage_is_gone_says_so_once_in_its_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr("warnings.warn", lambda message, **_: warned.append(message))
    mark = tmp_path / "study.json"
    mark.touch()
    with watched(tmp_path, mark, 0.0, warned.append):
        standing(tmp_path / "a", lambda: None)  # it was there
        mark.unlink()
        with live_file(tmp_path) as file:
            file.search_began(LR, 1)
    gone = rf"^\S+live.json cannot be written \(the folder {tmp_path} is gone, or another one [^;()]+\)"
    assert re.match(rf"{gone}; the search goes on$", warned[0])
    assert len(warned) == 1


def test_read_live_of_a_run_whose_process_is_gone(tmp_path: Path) -> None:
    with live_file(tmp_path):
        pass
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    change(tmp_path, state="running", pid=ended.pid)
    live = read_live(tmp_path, now=time.time() + 4)
    assert live
    assert live.state is LiveState.SILENT


@pytest.mark.parametrize(("age_s", "state"), [(20, LiveState.RUNNING), (40, LiveState.SILENT)])
def test_read_live_of_a_run_elsewhere_goes_by_its_last_write(
    tmp_path: Path, age_s: float, state: LiveState
) -> None:
    with live_file(tmp_path):
        pass
    change(tmp_path, state="running", host="elsewhere")
    live = read_live(tmp_path, now=time.time() + age_s)
    assert live
    assert live.state is state


def test_read_live_where_nothing_ran_yet(tmp_path: Path) -> None:
    assert read_live(tmp_path) is None


def test_read_live_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "live.json").mkdir()
    with pytest.raises(InputError, match=r"live\.json is damaged \(.*Is a directory"):
        read_live(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}'])
def test_read_live_of_a_damaged_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "live.json").write_text(text)
    with pytest.raises(InputError, match=r"live\.json is damaged .* the next run writes it again"):
        read_live(tmp_path)
