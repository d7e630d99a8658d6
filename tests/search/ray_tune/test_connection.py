"""What is said where Ray cannot be used: the way out fits the cause."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.ray_tune.connection import connect


def test_long_folder_for_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("job_of_a_user_with_a_long_name" * 3)
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(InputError, match=r"has [0-9]+ bytes, .* set TMPDIR .* to a short path") as refusal:
        connect(None, verbose=False)
    assert str(long) in str(refusal.value)
    assert "--address" not in str(refusal.value)


def test_sigterm_while_ray_starts_interrupts_like_at_any_other_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def starting(**_: object) -> None:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # as ray.init does
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("ray.init", starting)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            connect(None, verbose=False)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("verbose", "prints"), [(False, "0"), (True, "1")])
def test_tracebacks_of_workers_are_printed_for_verbose_only(
    monkeypatch: pytest.MonkeyPatch, verbose: bool, prints: str
) -> None:
    def refused(**_: object) -> None:
        raise ConnectionError("no Ray here")

    monkeypatch.setattr("ray.init", refused)
    monkeypatch.setattr("os.environ", {})
    with pytest.raises(InputError, match="no Ray here"):
        connect(None, verbose=verbose)
    assert os.environ["TUNE_PRINT_ALL_TRIAL_ERRORS"] == prints
