"""A study that was run: its wall time divided by what was done in it, beside floors and the plain script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.study.__main__ import in_words, main, plain_seconds, ratios, without_batch_1
from benchmarks.study.course import (
    BEYOND,
    COMPILING,
    DECIDING,
    EXTRACTION,
    KINDS,
    LEDGER,
    START,
    STEPS,
    WAITING,
    compiling_of,
    is_whole,
    seconds_of,
    trials_of,
)
from trainables.trial import TrialConfig


def event(name: str, at: float, *epoch_seconds: float) -> dict[str, Any]:
    """What the callback heard; the seconds are those of an ended trial's epochs."""
    ended = {"epoch_seconds": list(epoch_seconds), "config": {}} if name == "trial_ended" else {}
    return {"name": name, "at": at, **ended}


EVENTS = [
    event("search_began", 130.0),
    event("trial_started", 140.0),
    event("trial_ended", 146.0, 3.0, 1.0, 1.0),
    event("trial_started", 147.0),
    event("trial_ended", 150.0, 1.0, 1.0, 1.0),
    event("search_finished", 154.0),
]
PART = {
    "batch_sizes": "",
    "begin": 100.0,
    "end": 155.0,
    "events": EVENTS,
    "ledger_s": 1.5,
    "extraction_s": 25.0,
}


def test_all_of_the_wall_time_is_divided() -> None:
    found = seconds_of([PART])
    assert found == {
        EXTRACTION: 25.0,
        START: 15.0,
        STEPS: 6.0,
        COMPILING: 2.0,
        BEYOND: 1.0,
        LEDGER: 1.5,
        WAITING: 0.0,
        DECIDING: 4.5,
    }
    assert sum(found.values()) == 55.0


def test_runs_of_a_study_that_was_stopped_add_up() -> None:
    stopped = {**PART, "end": 141.0, "events": EVENTS[:2], "ledger_s": 0.0}
    found = seconds_of([stopped, {**PART, "extraction_s": 0.0}])
    assert sum(found.values()) == 41.0 + 55.0
    assert (found[EXTRACTION], found[BEYOND]) == (25.0, 1.0 + 1.0)
    assert len(trials_of([stopped, PART])) == 2


def test_study_is_whole_when_its_four_stages_are_decided() -> None:
    assert not is_whole(PART, "")
    assert is_whole({**PART, "events": EVENTS + [event("search_finished", 154.0)] * 3}, "")


def test_study_of_fewer_batch_sizes_is_completed_by_one_of_all() -> None:
    of_fewer = {**PART, "batch_sizes": "8,32", "events": EVENTS + [event("search_finished", 154.0)] * 3}
    assert is_whole(of_fewer, "8,32")
    assert not is_whole(of_fewer, "")


def test_compiling_is_what_the_first_epoch_takes_beyond_the_others() -> None:
    assert compiling_of([3.0, 1.0, 1.2, 1.0]) == 2.0
    assert (compiling_of([1.0, 1.5]), compiling_of([3.0])) == (0.0, 0.0)


def test_plain_script_takes_its_epochs_as_often_as_the_trials_have_them() -> None:
    configs = [TrialConfig(batch_size=8, epochs=20), TrialConfig(batch_size=32, epochs=10)]
    plain = {"8": {"epoch_s": 3.0, "start_s": 5.0}, "32": {"epoch_s": 2.0, "start_s": 5.0}}
    assert plain_seconds(configs, plain) == 20 * 3.0 + 10 * 2.0 + 2 * 5.0
    assert plain_seconds(configs, {}) is None


def test_all_but_the_extraction_is_set_over_the_floor_of_the_steps() -> None:
    floors = {"backbone": 20.0, "bare_pass": 24.0, "steps": 10.0, "steps_of_libraries": 15.0}
    found = ratios({**dict.fromkeys(KINDS, 0.0), EXTRACTION: 30.0, STEPS: 20.0, START: 10.0}, floors)
    assert found == {
        "over_backbone_floor": 1.5,
        "over_bare_pass": 1.25,
        "over_step_floor": 3.0,
        "over_library_floor": 2.0,
    }


def test_trial_of_batch_size_1_is_left_out_of_both() -> None:
    floors = {"steps_of_libraries": 50.0, "of_trials": [10.0, 40.0]}
    trials = [
        {"config": {"batch_size": 32}, "epoch_seconds": [6.0, 6.0]},
        {"config": {"batch_size": 1}, "epoch_seconds": [20.0, 25.0]},
    ]
    seconds = {**dict.fromkeys(KINDS, 0.0), EXTRACTION: 30.0, STEPS: 57.0, START: 3.0}
    assert without_batch_1(seconds, floors, trials) == 1.5
    assert without_batch_1(seconds, floors, trials[:1]) is None


def test_words_have_each_kind_and_its_share() -> None:
    seconds = {**dict.fromkeys(KINDS, 0.0), EXTRACTION: 30.0, STEPS: 20.0}
    floors = {"backbone": 20.0, "bare_pass": 24.0, "steps": 10.0, "steps_of_libraries": 15.0}
    machine = {"cores": 2, "processor": "X", "load_1min": 1, "python": "3.11", "versions": {}}
    result = {"images": 256, "epochs": 2, "trials": [{}], "runs": 1, "plain": {}, "plain_s": None}
    result["over_library_floor_without_batch_1"] = 1.5
    lines = in_words(
        {**result, "machine": machine, "seconds": seconds, "floors": floors, **ratios(seconds, floors)}
    )
    assert lines[0] == "256 images, 1 trials of 2 epochs, 1 runs: 50.0 s"
    assert lines[1].split() == ["extraction", "30.0", "s", "60.0%"]


@pytest.mark.benchmark
def test_smallest_study(tmp_path: Path) -> None:
    words = [
        "--images",
        "40",
        "--epochs",
        "2",
        "--without-batch-1",
        "--no-plain",
        "--folder",
        str(tmp_path / "study"),
    ]
    assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_bytes())
    assert set(found["seconds"]) == set(KINDS)
    assert found["seconds"][STEPS] > 0
