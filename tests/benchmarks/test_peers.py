"""Overheads of searches: arithmetic on what scripts report, and the scripts on few rows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.measure import Cost
from benchmarks.peers import OPTUNA, OURS, SCRIPTS, TUNER, Run, in_words, run_of, summary
from benchmarks.plain_head import Rows, write_rows
from benchmarks.programs import run_program
from benchmarks.studies import features_of, random_problem


def run(gap_s: float) -> Run:
    """Three trials of two epochs: 3 s and 1 s the first, which compiles, then 1 s each."""
    return Run(Cost(20.0, 9.0), (10.0, 10.0 + gap_s, 10.0 + 2 * gap_s), ((3.0, 1.0), (1.0, 1.0), (1.0, 1.0)))


def test_overhead_is_the_time_from_end_to_end_less_the_epochs() -> None:
    assert run(2.5).overheads() == [0.5, 0.5]


def test_first_trial_has_the_start_and_the_end_of_the_program() -> None:
    assert run(2.5).first_s() == 20.0 - 5.0 - 2.0


def test_summary_compares_with_ours() -> None:
    result = summary({OURS: [run(2.5)], TUNER: [run(4.0), run(6.0)], OPTUNA: [run(3.0)]})
    assert result["overhead_s"] == {OURS: 0.5, TUNER: 3.0, OPTUNA: 1.0}
    assert result["overhead_ratio"] == {TUNER: 6.0, OPTUNA: 2.0}
    assert [found["overheads_s"] for found in json.loads(json.dumps(result))["runs"][TUNER]] == [
        [2, 2],
        [4, 4],
    ]
    assert in_words(result)[0].startswith(
        "  ours          0.50 s a trial beyond its epochs,  13.0 s the first;"
    )
    assert in_words(result)[-1] == "  over ours: KerasTuner 6.0x, Optuna 2.0x"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of 80 random rows beside the cache that has them."""
    folder = tmp_path_factory.mktemp("rows")
    problem = random_problem(folder, 80)
    split = problem.splits[0]
    parts = (split.train, split.validation)
    write_rows(folder / "rows.npz", features_of(problem, folder), problem.labels, parts)
    return folder / "rows.npz"


def test_rows_are_those_of_the_split(rows: Path) -> None:
    read = Rows.read(rows)
    assert [part[0].shape for part in (read.train, read.validation)] == [(64, 2048), (16, 2048)]
    assert read.train[1].shape == (64, 1)


@pytest.mark.benchmark
@pytest.mark.parametrize("name", SCRIPTS)
def test_script_trains_the_grid(rows: Path, tmp_path: Path, name: str) -> None:
    if name == TUNER:
        pytest.importorskip("keras_tuner", reason="it is compared where it is installed")
    options = ["--rows", str(rows), "--images", "80", "--epochs", "2", "--out", str(tmp_path / "out.json")]
    cpus = str(min(2, os.cpu_count() or 1))
    options += ["--learning-rates", "0.01", "0.001", "--dropouts", "0.0", "--cpus-per-trial", cpus]
    cost = run_program(f"benchmarks.{SCRIPTS[name]}", options)
    found = run_of(cost, json.loads((tmp_path / "out.json").read_bytes()))
    assert [len(epochs) for epochs in found.epoch_seconds] == [2, 2]
    assert found.ended_at[1] > found.ended_at[0]
