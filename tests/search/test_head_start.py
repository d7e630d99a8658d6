"""Features that are made while Ray starts."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from data_prep.adience import load_adience
from data_prep.build import build_manifest
from data_prep.manifest import read_manifest
from data_prep.sample import draw_sample
from search.head_start import HeadStart
from search.problem import Problem
from trainables.features import find_features
from trainables.inputs import find_rows

NAME = "pixels:64"  # no Keras needed


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    """Of drawn faces."""
    draw_sample(tmp_path / "sample", photos=40, celeba_photos=20)
    build_manifest(load_adience(tmp_path / "sample" / "adience"), tmp_path / "faces.parquet")
    return Problem.of(read_manifest(tmp_path / "faces.parquet"), "random", "none", "tensorflow")


def is_made(problem: Problem, cache: Path) -> bool:
    """Whether the rows are there."""
    return find_features(cache, find_rows(NAME), problem.weights, problem.manifest.image_digests) is not None


def test_rows_are_made_by_the_process(problem: Problem, tmp_path: Path) -> None:
    with HeadStart([NAME], problem, tmp_path / "cache") as head_start:
        deadline = time.monotonic() + 60
        while head_start.is_working():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert is_made(problem, tmp_path / "cache")


def test_process_ends_with_the_block(problem: Problem, tmp_path: Path) -> None:
    with HeadStart([NAME], problem, tmp_path / "cache") as head_start:
        pass
    head_start._process.join(10)
    assert not head_start.is_working()


def test_what_cannot_be_made_is_left_to_who_says_it(
    problem: Problem, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    problem.manifest.image_paths()[0].unlink()
    with HeadStart([NAME], problem, tmp_path / "cache") as head_start:
        head_start._process.join(60)
    assert head_start._process.exitcode == 0
    assert "Traceback" not in capfd.readouterr().err
    assert not is_made(problem, tmp_path / "cache")


def test_interrupt_is_left_to_who_began_it(problem: Problem, tmp_path: Path) -> None:
    with HeadStart([NAME], problem, tmp_path / "cache") as head_start:
        os.kill(head_start._process.pid or 0, signal.SIGINT)
        head_start._process.join(60)
    assert is_made(problem, tmp_path / "cache")
