"""What a search does that is asked to end: it waits for the running epochs, and for no others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from search.ray_tune import stop_requests
from search.ray_tune.failures.door import with_watchers
from search.ray_tune.stop_requests import STOPPED, Asked, EndsWhenAsked, StopsTrials
from search.study.folder import keep_command, read_command
from search.study.from_outside.stop_request import StopRequest, ask_to_stop
from search.study.layout import Layout
from trainables import worker

SAID = "the dashboard asked to end the search: it ends after the running epochs"


@dataclass
class TuneTrial:
    """What a callback sees of a trial of Tune's."""

    trial_id: str
    status: str = "RUNNING"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose file is looked for at every step."""
    monkeypatch.setattr(stop_requests, "EVERY_S", 0.0)
    keep_command(tmp_path, ["--stage", "lr"])
    return tmp_path


def ask(study: Path, trial: str = "") -> None:
    command = read_command(study)
    assert command
    ask_to_stop(study, command.started_at, trial)


def test_search_goes_on_until_it_is_asked(study: Path) -> None:
    EndsWhenAsked(Asked(study)).on_step_begin(1, [TuneTrial("1")])


def test_search_that_is_asked_ends_after_the_running_epochs(study: Path) -> None:
    ends, one, two, waiting = (
        EndsWhenAsked(Asked(study)),
        TuneTrial("1"),
        TuneTrial("2"),
        TuneTrial("3", "PENDING"),
    )
    trials: list[Any] = [one, two, waiting]
    ask(study)
    with pytest.warns(UserWarning, match=f"^{SAID}$"):
        ends.on_step_begin(1, trials)
    ends.on_trial_result(1, trials, one, {})
    waiting.status = "RUNNING"  # what begins now is not waited for
    ends.on_step_begin(2, trials)
    two.status = "TERMINATED"
    assert Layout(study).stop.exists()
    with pytest.raises(KeyboardInterrupt):
        ends.on_step_begin(3, trials)
    assert not Layout(study).stop.exists()
    assert Layout(study).log("dashboard").read_text("utf-8").endswith(f" {SAID}\n")


def test_search_that_trains_nothing_ends_at_once(study: Path) -> None:
    ask(study)
    with pytest.warns(UserWarning, match=SAID), pytest.raises(KeyboardInterrupt):
        EndsWhenAsked(Asked(study)).on_step_begin(1, [])


def test_request_to_another_run_ends_nothing(study: Path) -> None:
    ask_to_stop(study, "2020-01-01T00:00:00.000000+00:00")
    EndsWhenAsked(Asked(study)).on_step_begin(1, [])


def test_damaged_request_ends_nothing(study: Path) -> None:
    Layout(study).stop.write_text("{")
    EndsWhenAsked(Asked(study)).on_step_begin(1, [])


def test_trial_that_is_asked_to_end_is_stopped_with_the_reason(study: Path) -> None:
    stops, result = StopsTrials(Asked(study)), {"config": {"trial": {"key": "a"}}}
    assert not stops("1", result)
    ask(study, "a")
    with pytest.warns(UserWarning, match="the dashboard asked to stop trial a: it ends after its running"):
        assert stops("1", result)
    assert result[worker.REASON] == STOPPED
    assert not stops("2", {"config": {"trial": {"key": "b"}}})
    assert not Layout(study).stop.exists()
    assert not stops.stop_all()


def test_trial_that_has_ended_and_a_pack_are_not_stopped(study: Path) -> None:
    ask(study, "a")
    assert not StopsTrials(Asked(study))("1", {"config": {"trial": {"key": "a"}}, "done": True})
    assert not StopsTrials(Asked(study))("2", {"config": {"pack": [{"key": "a"}]}})


def test_both_watchers_share_their_looks(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def look(folder: Path, run: str) -> StopRequest:
        looks.append(run)
        return StopRequest(run=run)

    monkeypatch.setattr(stop_requests, "EVERY_S", 3600.0)
    monkeypatch.setattr(stop_requests, "read_stop", look)
    both = with_watchers(tune.Callback(), study, lambda *_: None)
    both["callbacks"][-1].on_step_begin(1, [])
    both["stop"]("1", {"config": {"trial": {"key": "a"}}})
    assert len(looks) == 1
