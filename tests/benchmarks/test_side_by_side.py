"""The same trials by both sides: what they are given, and what is made of what they give."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import our_script, plain_script
from benchmarks.measure import Cost
from benchmarks.programs import run_program
from benchmarks.side_by_side import (
    COLD,
    PLAIN,
    WARM,
    Files,
    Run,
    Task,
    epoch_ratio,
    in_words,
    ratios,
    summary,
)


def run(wall_s: float, cpu_s: float, epoch_seconds: list[float], trials: int = 1) -> Run:
    trial = {"learning_rate": 0.1, "val_accuracy": [0.5, 0.75], "epoch_seconds": epoch_seconds}
    report: dict[str, Any] = {"trials": [trial] * trials, "keras_backend": "jax", "images_per_second": 20.0}
    return Run(Cost(wall_s, cpu_s), report)


RUNS = {
    PLAIN: [run(60.0, 80.0, [20.0, 8.0]), run(40.0, 80.0, [20.0, 8.0])],
    COLD: [run(30.0, 20.0, [2.0, 0.5]), run(20.0, 20.0, [2.0, 0.5])],
    WARM: [run(10.0, 8.0, [2.0, 0.5]), run(10.0, 8.0, [2.0, 0.5])],
}


def test_both_scripts_take_the_tasks_options() -> None:
    options = Task(images=40, epochs=3, learning_rates=(0.1, 0.001)).options()
    files = ["--weights", "w", "--out", "o"]
    plain = plain_script._parser().parse_args([*options, *files, "--labels", "l"])
    ours = our_script._parser().parse_args(
        [*options, *files, "--manifest", "m", "--cache", "c", "--study", "s"]
    )
    for name, value in {"epochs": 3, "learning_rates": [0.1, 0.001], "batch_size": 32, "seed": 7}.items():
        assert getattr(plain, name) == getattr(ours, name) == value
    assert plain.cpus_per_trial == ours.cpus_per_trial


def test_an_epoch_is_the_median_after_each_trials_first() -> None:
    assert run(0, 0, [20.0, 8.0, 9.0, 10.0]).epoch_s() == 9.0
    assert run(0, 0, [20.0]).epoch_s() == 20.0


def test_overhead_is_what_a_trial_takes_beyond_its_epochs() -> None:
    assert run(60.0, 0, [20.0, 8.0], trials=2).overhead_s() == (60.0 - 4 * 8.0) / 2


def test_ratios_are_the_median_of_the_rounds() -> None:
    assert ratios(RUNS, WARM) == Cost(5.0, 10.0)
    assert ratios(RUNS, COLD) == Cost(2.0, 4.0)
    assert epoch_ratio(RUNS) == 16.0


def test_summary_is_json_with_every_run() -> None:
    result = json.loads(json.dumps(summary(RUNS)))
    assert (result["wall_ratio"], result["cpu_ratio_with_extraction"]) == (5.0, 4.0)
    assert [len(runs) for runs in result["runs"].values()] == [2, 2, 2]
    assert result["runs"][PLAIN][0]["wall_s"] == 60.0


def test_in_words_gives_seconds_ratios_and_accuracies() -> None:
    text = "\n".join(in_words(RUNS))
    assert "plain                       50.0 s wall,    80.0 s CPU, final val_accuracy 0.750" in text
    assert "5.0x faster by wall time (10.0x by CPU time) on cached features, 2.0x (4.0x) with" in text
    assert "16x for an epoch" in text


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("files"), images=40)


@pytest.mark.benchmark
def test_our_script_trains_the_task(files: Files, tmp_path: Path) -> None:
    options = [*Task(images=40, epochs=2, learning_rates=(0.001,)).options(), "--weights", str(files.weights)]
    options += ["--manifest", str(files.manifest), "--cache", str(tmp_path / "cache")]
    cost = run_program(
        "benchmarks.our_script",
        [*options, "--study", str(tmp_path / "study"), "--out", str(tmp_path / "out.json")],
    )
    report = json.loads((tmp_path / "out.json").read_bytes())
    assert [len(trial["val_accuracy"]) for trial in report["trials"]] == [2]
    assert report["images_per_second"] > 0
    assert cost.cpu_s > 0


@pytest.mark.benchmark
def test_plain_script_trains_the_task(files: Files, tmp_path: Path) -> None:
    options = [*Task(images=40, epochs=1, learning_rates=(0.001,)).options(), "--weights", str(files.weights)]
    run_program(
        "benchmarks.plain_script",
        [*options, "--labels", str(files.labels), "--out", str(tmp_path / "out.json")],
    )
    report = json.loads((tmp_path / "out.json").read_bytes())
    assert [trial["learning_rate"] for trial in report["trials"]] == [0.001]
    assert [len(trial["epoch_seconds"]) for trial in report["trials"]] == [1]
