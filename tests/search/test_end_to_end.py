"""The commands as a user runs them: on a small drawn sample, through Ray, killed, interrupted, repeated."""

import json
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.celeba import load_celeba
from data_prep.datasets.drawn_sample import draw_sample
from tests.search.processes import kill_training
from tests.waiting import SEARCH_S, running, wait_until

pytestmark = pytest.mark.ray

BACKBONE = ("--backbone", "keras:MobileNetV2")
MODEL = ("--epochs", "2", "--study", "model")  # on JAX, whose compiled networks the searches share
PROMISED_OF_TRIAL = {
    "key",
    "config",
    "status",
    "value",
    "best_val_accuracy",
    "best_epoch",
    "epochs",
    "seconds",
    "reused",
}
PROMISED = {"study", "stage", "objective", "data_digest", "trials", "winner", "seconds"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the manifest of 100 drawn faces; its cache is shared by the tests.

    In faces.parquet each has a subject of its own, so that no search starts a worker for what its split is
    worth; in grouped.parquet subjects have several.
    """
    folder = tmp_path_factory.mktemp("workplace")
    draw_sample(folder / "sample", photos=100, celeba_photos=60)
    labels = load_adience(folder / "sample" / "adience")
    build_manifest(labels, folder / "grouped.parquet")
    alone = labels.table.assign(subject=[f"s{row}" for row in range(len(labels.table))])
    build_manifest(replace(labels, table=alone), folder / "faces.parquet")
    build_manifest(load_celeba(folder / "sample" / "celeba"), folder / "celeba.parquet")
    return folder


def command(*options: str) -> list[str]:
    """The command of a search, of the faces with a subject each unless `options` have others."""
    return [sys.executable, "-m", "search.run", "--data", "faces.parquet", *BACKBONE, *options]


def run(workplace: Path, *options: str) -> dict[str, Any]:
    """Runs a search to its end and returns the object that it printed."""
    done = subprocess.run(
        command("--json", *options),
        cwd=workplace,
        capture_output=True,
        text=True,
        check=False,
        timeout=SEARCH_S,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def started(workplace: Path, *options: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Runs a search in a process group of its own, which ends with the block at the latest."""
    return running(command(*options), workplace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_trials(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Waits until `count` trials of the study in `folder` are in the ledger."""

    def enough() -> bool:
        assert process.poll() is None, process.communicate()[1]
        return len(list((folder / "trials").glob("*.json"))) >= count

    wait_until(enough, f"{count} trials are in the ledger", seconds=SEARCH_S)


def learned(result: dict[str, Any]) -> dict[str, list[float]]:
    """Returns the losses of every trial, by key."""
    return {
        trial["key"]: [loss for epoch in trial["epochs"] for loss in (epoch["loss"], epoch["val_loss"])]
        for trial in result["trials"]
    }


@pytest.fixture(scope="module")
def tuned(workplace: Path) -> dict[str, Any]:
    """What the learning-rate stage of MODEL printed when it was trained."""
    return run(workplace, "--stage", "lr", *MODEL)


def test_stage_gives_what_scripts_rely_on(workplace: Path, tuned: dict[str, Any]) -> None:
    result = tuned
    assert result.keys() >= PROMISED
    assert all(trial.keys() >= PROMISED_OF_TRIAL for trial in result["trials"])
    assert [trial["config"]["learning_rate"] for trial in result["trials"]] == [0.1, 0.001, 0.0003, 0.00001]
    assert result["objective"] == {"metric": "mean_val_accuracy", "mode": "max"}
    assert result["winner"]["learning_rate"] in (0.1, 0.001, 0.0003, 0.00001)
    assert (result["drawn"], result["weights"]) == (True, "none")
    assert not any(trial["reused"] for trial in result["trials"])
    again = run(workplace, "--stage", "lr", *MODEL)
    assert all(trial["reused"] for trial in again["trials"])
    assert (learned(again), again["winner"]) == (learned(result), result["winner"])


TUNES = """
from search import Tuner
tuner = Tuner(data="grouped.parquet", backbone="keras:MobileNetV2", epochs=2, study="door", progress=False)
print(tuner.stage("lr").winner.learning_rate, *sorted(tuner.study.trials()["key"]))
"""


@pytest.mark.slow
def test_call_in_python_and_the_command_share_the_ledger(workplace: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TUNES],
        cwd=workplace,
        capture_output=True,
        text=True,
        check=False,
        timeout=SEARCH_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    learning_rate, *keys = done.stdout.split()
    result = run(workplace, "--data", "grouped.parquet", "--stage", "lr", "--study", "door", "--epochs", "2")
    assert {trial["key"] for trial in result["trials"]} < set(keys)  # one more has told the split's worth
    assert all(trial["reused"] for trial in result["trials"])
    assert result["winner"]["learning_rate"] == float(learning_rate)


@pytest.mark.usefixtures("tuned")
@pytest.mark.parametrize(
    ("depth", "columns"),
    [
        pytest.param((), [], id="head"),
        pytest.param(
            ("--finetune", "blocks:1", "--augment", "flip"), ["blocks:1"], id="blocks", marks=pytest.mark.slow
        ),
    ],
)
def test_winner_becomes_a_model_that_predicts(
    workplace: Path, depth: tuple[str, ...], columns: list[str]
) -> None:
    unfrozen = ("--stage", "finetune", "--celeba", "celeba.parquet", *MODEL, *depth)
    found = run(workplace, *unfrozen)["finetune"]
    names = ["untuned", "tuned", "pretrained", *columns]
    assert [column["name"] for column in found["columns"]] == names
    assert found["winner"] in names
    folder = workplace / "results" / "model"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("[tw][re]*/*.json")}
    model = (folder / "winner" / "model.keras").stat().st_mtime_ns
    assert run(workplace, *unfrozen)["finetune"]["columns"] == found["columns"]
    assert {path: path.stat().st_mtime_ns for path in folder.glob("[tw][re]*/*.json")} == before
    assert (folder / "winner" / "model.keras").stat().st_mtime_ns == model
    predict = [sys.executable, "-m", "search.predict", "model", "--demo", "--json"]
    done = subprocess.run(
        predict, cwd=workplace, capture_output=True, text=True, check=True, timeout=SEARCH_S
    )
    predictions = json.loads(done.stdout)["predictions"]
    assert len(predictions) == 10
    assert all(0 <= each["probability"] <= 1 for each in predictions)


def test_killed_search_ends_like_an_unbroken_one(workplace: Path, tuned: dict[str, Any]) -> None:
    options = ("--stage", "lr", *MODEL, "--storage", "broken")
    folder = workplace / "broken" / "model"
    with started(workplace, *options) as broken:
        wait_for_trials(broken, folder, 2)
    before = {path: path.stat().st_mtime_ns for path in (folder / "trials").glob("*.json")}
    resumed = run(workplace, *options)
    assert learned(resumed) == learned(tuned)
    assert resumed["winner"] == tuned["winner"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_killed_stages_end_like_unbroken_ones(workplace: Path) -> None:
    options = ("--stage", "all", "--order", "lr,dropout", "--epochs", "3", "--study", "killed")
    folder = workplace / "broken" / "killed"
    with started(workplace, *options, "--storage", "broken") as broken:
        wait_for_trials(broken, folder, 6)
    before = {path: path.stat().st_mtime_ns for path in (folder / "trials").glob("*.json")}
    resumed = run(workplace, *options, "--storage", "broken")
    unbroken = run(workplace, *options, "--storage", "unbroken")
    assert learned(resumed) == learned(unbroken)
    assert resumed["winner"] == unbroken["winner"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143)],
)
def test_interrupt_stops_soon_and_keeps_what_is_finished(
    workplace: Path, sent: signal.Signals, code: int
) -> None:
    folder = workplace / "results" / sent.name
    with started(workplace, "--stage", "lr", "--epochs", "300", "--study", sent.name) as process:
        wait_for_trials(process, folder, 1)
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)  # seconds, with room for a busy machine
    assert process.returncode == code, said
    assert said.splitlines()[-1] == "interrupted: finished trials are kept; the same command again continues"
    assert "SIGTERM received" not in said
    assert list((folder / "trials").glob("*.json"))


@pytest.mark.slow
def test_killed_worker_is_replaced_and_the_json_stays_clean(workplace: Path) -> None:
    with started(workplace, "--stage", "lr", "--epochs", "40", "--study", "worker", "--json") as process:
        wait_for_trials(process, workplace / "results" / "worker", 1)
        killed = kill_training(process.pid)
        printed, said = process.communicate(timeout=SEARCH_S)
    assert killed
    assert process.returncode == 0, said
    assert {trial["status"] for trial in json.loads(printed)["trials"]} == {"COMPLETED"}, said


@pytest.mark.slow
def test_joint_search_stops_bad_trials_and_continues(workplace: Path) -> None:
    options = ("--mode", "joint", "--vary", "lr,dropout", "--epochs", "6", "--study", "joint")
    tpe = (*options, "--search", "tpe", "--scheduler", "asha", "--num-samples")
    first = run(workplace, *tpe, "4")
    more = run(workplace, *tpe, "7")
    stage = json.loads((workplace / "results" / "joint" / "stages" / "joint.json").read_text())
    assert len(set(stage["search"]["trials"])) == 7
    assert {trial["key"] for trial in first["trials"]} <= set(stage["search"]["trials"])
    assert more["winner"] is not None


@pytest.mark.slow
def test_values_added_to_a_finished_stage_train_only_what_is_new(workplace: Path) -> None:
    options = ("--stage", "lr", "--epochs", "1", "--study", "added", "--values")
    run(workplace, *options, "0.01,0.001")
    more = run(workplace, *options, "0.001,0.03")
    told = {trial["config"]["learning_rate"]: trial["reused"] for trial in more["trials"]}
    assert told == {0.001: True, 0.03: False}


@pytest.mark.slow
def test_time_budget_ends_cleanly(workplace: Path) -> None:
    options = ("--mode", "joint", "--search", "random", "--epochs", "20", "--vary", "lr,dropout,l2")
    study = (*options, "--study", "budget", "--num-samples")
    run(workplace, *study, "1")  # a busy machine may finish none in the budget
    result = run(workplace, *study, "200", "--time-budget", "20s")
    assert 0 < len(result["trials"]) < 200
    assert result["winner"] is not None


@pytest.mark.slow
def test_held_out_data_is_read_once(workplace: Path) -> None:
    options = ("--stage", "lr", "--epochs", "2", "--split", "kfold:2", "--study", "final", "--final")
    first, again = run(workplace, *options), run(workplace, *options)
    assert first["final"] == again["final"]
    assert len(first["final"]["accuracies"]) == 2


def test_every_trial_failing_is_one_sentence(workplace: Path) -> None:
    done = subprocess.run(
        command(
            "--stage",
            "lr",
            "--values",
            "0.1",
            "--l2",
            "1e38",
            "--study",
            "failing",
            "--keras-backend",
            "tensorflow",
        ),
        cwd=workplace,
        capture_output=True,
        text=True,
        check=False,
        timeout=SEARCH_S,
    )
    assert done.returncode == 1
    assert (
        "error: no value of the stage lr could be trained (the loss is not finite after epoch 1"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
