"""Time to an accuracy: who was best when, on rows that are the same for all, and the smallest run of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy.__main__ import (
    _is_installed,
    _parser,
    in_words,
    main,
    result_of,
    runs_before,
    summaries,
)
from benchmarks.accuracy.curves import held_out_at, mean_curve, run_of, seconds_to, summary_of
from benchmarks.accuracy.picture import draw
from benchmarks.accuracy.task import PARTS, TEST, Race, Task, divided
from benchmarks.measure import Cost, in_own_process, write_result
from benchmarks.programs import Course
from benchmarks.side_by_side import write_weights

COURSE = Course(Cost(8.0, 5.0), (100.0, 104.0, 108.0), (0.0, 4.0, 5.0))


def run(*points: tuple[float, float], search: str = "ours", seed: int = 1) -> dict[str, Any]:
    """A run whose best so far changed at these CPU seconds to these held-out accuracies."""
    return {
        "search": search,
        "seed": seed,
        "trials": 3,
        "cpu_s": points[-1][0] + 5.0,
        "wall_s": 60.0,
        "points": [{"cpu_s": at, "figure": 0.5, "held_out": held_out} for at, held_out in points],
    }


def task(folder: Path, budget_s: float = 1e9) -> Task:
    """A task of ten photographs that are not there."""
    table = divided([f"{row}.jpg" for row in range(10)], ["cat", "dog"] * 5, seed=3)
    table.to_csv(folder / "labels.csv", index=False)
    words = ["--root", str(folder), "--labels", str(folder / "labels.csv"), "--out", str(folder / "out.json")]
    words += ["--backbone", "inception_v3", "--weights", "none", "--seed", "3", "--budget", str(budget_s)]
    return Task.of("", words)


def test_rows_are_divided_in_three_by_class_and_seed() -> None:
    names = ["cat"] * 30 + ["dog"] * 10
    table = divided([f"{row}.jpg" for row in range(40)], names, seed=1)
    counts = table.groupby(["label", "partition"]).size().to_dict()
    assert [counts["cat", part] for part in PARTS] == [18, 6, 6]
    assert [counts["dog", part] for part in PARTS] == [6, 2, 2]
    assert not table.equals(divided(table["path"].tolist(), names, seed=2))
    assert table.equals(divided(table["path"].tolist(), names, seed=1))


def test_task_numbers_classes_by_their_names(tmp_path: Path) -> None:
    given = task(tmp_path)
    assert given.names == ("cat", "dog")
    assert [given.rows(part).size for part in PARTS] == [6, 2, 2]
    assert sorted(given.label(TEST)) == [0, 1]


def test_race_keeps_what_was_better_than_all_before_and_asks_it_afterwards(tmp_path: Path) -> None:
    given = task(tmp_path)
    race, right = Race(given), given.label(TEST)
    for figure, answers in ((0.6, right), (0.5, right), (0.6, right), (0.9, 1 - right)):
        race.ended(figure, lambda answers=answers: np.asarray(answers))
    race.write()
    found = json.loads(given.out.read_bytes())
    assert found["trials"] == 4
    assert [(best["figure"], best["held_out"]) for best in found["best"]] == [(0.6, 1.0), (0.9, 0.0)]
    assert found["best"][0]["at"] <= found["best"][1]["at"] <= found["ended_at"]


def test_race_is_over_after_its_cpu_time_or_its_trials(tmp_path: Path) -> None:
    assert Race(task(tmp_path, budget_s=0.0)).is_over
    assert not Race(task(tmp_path)).is_over


def test_run_has_the_cpu_seconds_of_each_moment_and_none_of_the_scoring() -> None:
    report = {"trials": 2, "ended_at": 106.0, "best": [{"at": 102.0, "figure": 0.7, "held_out": 0.8}]}
    found = run_of("ours", 1, COURSE, report)
    assert (found["cpu_s"], found["wall_s"]) == (4.5, 6.0)
    assert found["points"] == [{"cpu_s": 2.0, "figure": 0.7, "held_out": 0.8}]


def test_held_out_is_that_of_the_last_change() -> None:
    found = run((10.0, 0.6), (20.0, 0.9))
    assert [held_out_at(found, at) for at in (9.0, 10.0, 19.0, 99.0)] == [None, 0.6, 0.6, 0.9]


def test_mean_begins_when_all_seeds_have_a_model() -> None:
    runs = [run((10.0, 0.6), (20.0, 0.9)), run((15.0, 0.5))]
    assert mean_curve(runs) == [(15.0, pytest.approx(0.55)), (20.0, pytest.approx(0.7))]
    assert (seconds_to(runs, 0.6), seconds_to(runs, 0.8)) == (20.0, None)


def test_summary_has_the_first_and_the_last_model_and_the_time_to_the_linear_classifier() -> None:
    runs = [run((10.0, 0.6), (20.0, 0.9)), run((12.0, 0.8), seed=2), run((5.0, 0.75), search="scikit-learn")]
    found = summaries(runs)["ours"]
    assert (found["first_cpu_s"], found["first_held_out"]) == (11.0, pytest.approx(0.7))
    assert (found["held_out"], found["standard_error"]) == (pytest.approx(0.85), pytest.approx(0.05))
    assert found["cpu_s_to_target"] == 20.0
    assert summary_of(runs[:1], 0.99)["cpu_s_to_target"] is None


def test_what_is_not_installed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    machine = {"cores": 2, "processor": "X", "load_1min": 1, "python": "3.11", "versions": {"keras": "3"}}
    result = {"photographs": "faces", "backbone": "inception_v3", "machine": machine}
    lines = in_words(result | {"searches": {}, "left_out": {"Ludwig": "ludwig is not installed"}})
    assert lines[1] == "  left out: Ludwig (ludwig is not installed)"


def test_packages_are_looked_for_where_the_search_has_its_interpreter() -> None:
    assert _is_installed("numpy", sys.executable)
    assert not _is_installed("numpy.nowhere.at_all", sys.executable)
    assert not _is_installed("numpy", "/bin/false")
    given = _parser().parse_args(["faces", "--weights", "none", "--python", "ludwig=/other/python"])
    assert dict(given.python) == {"ludwig": "/other/python"}


@pytest.mark.parametrize("given", ["/other/python", "ludwig", "ludwig=", "nothing=/other/python"])
def test_interpreter_of_no_search_is_refused(given: str) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["faces", "--weights", "none", "--python", given])


def test_runs_of_the_file_are_kept_and_those_of_another_comparison_refused(tmp_path: Path) -> None:
    words = ["faces", "--weights", "none", "--json", str(tmp_path / "out.json")]
    arguments = _parser().parse_args(words)
    assert runs_before(arguments) == []
    write_result(result_of(arguments, [run((10.0, 0.6))], {}), arguments.json)
    assert runs_before(arguments) == [run((10.0, 0.6))]
    with pytest.raises(SystemExit, match=r"has budget_cpu_s 600, asked for 5.0; name another"):
        runs_before(_parser().parse_args([*words, "--budget", "5"]))


def test_picture_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    runs = [run((10.0, 0.6), (20.0, 0.9)), run((5.0, 0.75), search="scikit-learn")]
    for name in ("one.svg", "two.svg"):
        draw([{"photographs": "faces", "backbone": "inception_v3", "runs": runs}], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.benchmark
def test_smallest_run(tmp_path: Path) -> None:
    from PIL import Image

    for number, name in enumerate(["cat"] * 10 + ["dog"] * 10):
        (tmp_path / "photographs" / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (96, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photographs" / name / f"{number}.png")
    weights = tmp_path / "weights.weights.h5"
    in_own_process("tensorflow", 1, write_weights, weights)
    words = [str(tmp_path / "photographs"), "--backbone", "resnet50_v2", "--weights", str(weights)]
    # ours trains all that its preset has, for minutes; its parts have tests of their own
    words += ["--searches", "linear", "optuna", "--seeds", "1", "--budget", "1"]
    assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_bytes())
    assert pd.DataFrame(found["runs"])["search"].tolist() == ["scikit-learn", "Optuna, features"]
