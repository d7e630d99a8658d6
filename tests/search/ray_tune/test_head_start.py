"""Features that are made while Ray starts."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import draw_sample
from data_prep.manifest import read_manifest
from search.options.parser import parse_options
from search.options.search_options import SearchOptions
from search.ray_tune.ahead import programs
from search.ray_tune.ahead.head_start import early_start, features_ahead, head_start, work_on
from search.ray_tune.ahead.programs import programs_ahead
from search.study.setup import Problem
from tests.search.makers import make_manifest
from tests.waiting import PATIENCE_S, has_ended, wait_until
from trainables.backend_speed import Work
from trainables.features.cache import find_features
from trainables.features.inputs import find_rows, rows_read_by
from trainables.trial import TrialConfig

NAME = "pixels:64"  # no Keras needed
SMALL = "keras:MobileNetV2"


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
    with features_ahead([NAME], problem, tmp_path / "cache") as head_start:
        wait_until(lambda: not head_start.is_working(), "the rows are made")
    assert is_made(problem, tmp_path / "cache")


def test_backend_is_a_question_for_many_features_of_data_that_is_not_the_reports(tmp_path: Path) -> None:
    manifests = [make_manifest(tmp_path, subjects=3_000, source=source) for source in ("folder", "adience")]
    other, reports = (Problem.of(manifest, "random", "none", "jax") for manifest in manifests)
    rows = find_rows("keras:ConvNeXtLarge, pictures: nearest")
    work = work_on(rows, other, cpus=1)
    assert work == Work(backbone="keras:ConvNeXtLarge", images=6_000, cpus=1)
    assert work_on(rows, reports, cpus=1) is None
    assert work_on(rows, other, cpus=64) is None
    assert work_on(find_rows(NAME), other, cpus=1) is None


def test_process_ends_with_the_block(problem: Problem, tmp_path: Path) -> None:
    with features_ahead([NAME], problem, tmp_path / "cache") as head_start:
        pass
    assert not head_start.is_working()


def test_what_cannot_be_made_is_left_to_who_says_it(problem: Problem, tmp_path: Path) -> None:
    problem.manifest.image_paths()[0].unlink()
    with features_ahead([NAME], problem, tmp_path / "cache") as head_start:
        assert head_start._process.wait(PATIENCE_S) == 1
    assert not is_made(problem, tmp_path / "cache")


BEGINS = """
import os, sys
from pathlib import Path
from data_prep.manifest import read_manifest
from search.ray_tune.ahead.head_start import features_ahead
from search.study.setup import Problem
problem = Problem.of(read_manifest(Path(sys.argv[1])), "random", "none", "tensorflow")
print(features_ahead(["resnet50_v2"], problem, Path("cache"))._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_process_ends_with_who_began_it(problem: Problem, tmp_path: Path) -> None:
    command = [sys.executable, "-c", BEGINS, str(tmp_path / "faces.parquet")]
    begun = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert begun.returncode == -signal.SIGKILL, begun.stderr
    wait_until(lambda: has_ended(int(begun.stdout)), "the process ends")


def options_of(folder: Path, words: str = "") -> SearchOptions:
    return parse_options(["--stage", "lr", "--cache", str(folder / "cache"), *words.split()])


@pytest.fixture
def with_features(problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Problem:
    """The problem on JAX on two cores, with features in the cache."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(programs, "available_cores", lambda: 2)
    monkeypatch.setattr(Problem, "has_rows", lambda *_: True)
    monkeypatch.setattr(Problem, "stored_rows", lambda *_: np.zeros((40, 64), np.float32))
    return replace(problem, keras_backend="jax")


@pytest.mark.training
def test_programs_are_compiled_where_features_are_there(with_features: Problem, tmp_path: Path) -> None:
    pytest.importorskip("jax")
    trials = [with_features.trial(TrialConfig(hidden_units=(16, 8, 4)), "random")]
    options = options_of(tmp_path)
    with head_start(trials, with_features, options) as started:
        assert started is None  # it makes no rows
        wait_until(lambda: bool(list((tmp_path / "cache" / "compiled").glob("ahead-*"))), "it is compiled")
    assert programs_ahead(trials, with_features, options) is None  # once


@pytest.mark.parametrize(
    ("words", "config", "facts"),
    [
        ("--pack 4", {}, {}),
        ("", {"backbone": "hassner"}, {}),
        ("", {}, {"keras_backend": "tensorflow"}),
    ],
)
def test_nothing_is_compiled_for_others(
    words: str, config: dict[str, Any], facts: dict[str, Any], with_features: Problem, tmp_path: Path
) -> None:
    problem = replace(with_features, **facts)
    trials = [problem.trial(TrialConfig(**config), "random")]
    assert programs_ahead(trials, problem, options_of(tmp_path, words)) is None
    assert programs_ahead([], problem, options_of(tmp_path)) is None


def test_one_core_has_no_time_to_compile_ahead(
    with_features: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "available_cores", lambda: 1)
    trials = [with_features.trial(TrialConfig(), "random")]
    assert programs_ahead(trials, with_features, options_of(tmp_path)) is None


def test_process_starts_early_where_the_sample_is_drawn_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = options_of(tmp_path)
    with early_start(options) as early:
        assert early is not None
        assert early.is_working()
    assert not early.is_working()
    for words in (
        "--data faces.parquet",
        "--address auto",
        "--gpus-per-trial 1",
        "--weights imagenet",
        "--cache s3://bucket/cache",
    ):
        with early_start(options_of(tmp_path, words)) as early:
            assert early is None
    Path("data/sample").mkdir(parents=True)
    with early_start(options) as early:
        assert early is None


@pytest.mark.training
def test_process_that_started_early_makes_the_rows(
    problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.chdir(tmp_path)
    options = options_of(tmp_path, f"--backbone {SMALL}")
    trials = [problem.trial(TrialConfig(backbone=SMALL), "random")]
    with early_start(options) as early, head_start(trials, problem, options, early) as started:
        assert started is early
        assert started is not None
        wait_until(lambda: not started.is_working(), "the rows are made")
    name = find_rows(rows_read_by(trials[0].config))
    assert find_features(tmp_path / "cache", name, "none", problem.manifest.image_digests)


def test_process_that_started_early_ends_where_nothing_is_to_be_made(
    with_features: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = options_of(tmp_path)
    with early_start(options) as early, head_start([], with_features, options, early) as started:
        assert started is None
        assert early is not None
        assert not early.is_working()
