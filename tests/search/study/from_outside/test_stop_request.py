"""Requests to stop: only the run that they were made to hears them, and they go once obeyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.study.folder import keep_command
from search.study.from_outside.stop_request import (
    StopRequest,
    ask_to_stop,
    forget_stop,
    forget_trial,
    read_stop,
)
from search.study.layout import Layout

RUN, LATER = "2026-01-01T00:00:00.000000+00:00", "2026-01-02T00:00:00.000000+00:00"


def test_nothing_is_asked_at_first(tmp_path: Path) -> None:
    assert read_stop(tmp_path, RUN) == StopRequest(run=RUN)


def test_requests_add_up(tmp_path: Path) -> None:
    for trial in ("a", "b", "a", ""):
        ask_to_stop(tmp_path, RUN, trial)
    assert read_stop(tmp_path, RUN) == StopRequest(run=RUN, everything=True, trials=("a", "b"))


def test_request_to_an_earlier_run_is_nothing_to_a_later_one(tmp_path: Path) -> None:
    ask_to_stop(tmp_path, RUN)
    assert read_stop(tmp_path, LATER) == StopRequest(run=LATER)
    ask_to_stop(tmp_path, LATER, "a")
    assert read_stop(tmp_path, LATER) == StopRequest(run=LATER, trials=("a",))


def test_run_that_begins_removes_the_file(tmp_path: Path) -> None:
    ask_to_stop(tmp_path, RUN)
    keep_command(tmp_path, ["--stage", "lr"])
    assert not Layout(tmp_path).stop.exists()


def test_file_goes_with_the_last_trial(tmp_path: Path) -> None:
    for trial in ("a", "b"):
        ask_to_stop(tmp_path, RUN, trial)
    forget_trial(tmp_path, RUN, "a")
    assert read_stop(tmp_path, RUN).trials == ("b",)
    forget_trial(tmp_path, RUN, "b")
    assert not Layout(tmp_path).stop.exists()
    forget_stop(tmp_path)


def test_damaged_request_is_a_sentence(tmp_path: Path) -> None:
    Layout(tmp_path).stop.write_text("{")
    with pytest.raises(InputError, match=r"stop.json is damaged .*; remove it, and ask again$"):
        read_stop(tmp_path, RUN)
