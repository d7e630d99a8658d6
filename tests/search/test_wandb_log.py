"""Weights & Biases: runs that lie in a folder or go to a server, and servers that do not answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from makers import make_epochs, make_result, make_trial
from wandb_server import answering, records_in, silent

from search.ledger import Ledger
from search.results import StageFiles
from search.wandb_log import WandbLog
from search.wandb_note import FOLDER, OFFLINE, ONLINE, Note, Place
from trainables.trial import TrialStatus

pytest.importorskip("wandb")
KEY = "0123456789" * 4
LIVE = make_trial(epochs=2, seed=3)
TRIALS = 8  # of the stage: four rates, two seeds


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's account, and an empty working folder."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Path:
    """A study with the learning-rate stage."""
    return make_study("my study", stages=["lr"], repeats=2, epochs=3)


def follow(study: Path, mode: str = OFFLINE, wait_s: float = 60) -> tuple[str, float]:
    """Follows a trial and the finished stage; returns what was said, and how long following took."""
    said: list[str] = []
    log = WandbLog(Place(study=study, mode=mode, project="p"), Ledger(study), said.append, wait_s=wait_s)
    began = time.monotonic()
    log.begun("stage lr", 1)
    log.started(LIVE)
    for metrics in make_epochs([0.5, 0.75]):
        log.epoch_ended(LIVE, metrics)
    log.ended(make_result(LIVE, 0.5, 0.75))
    for result in StageFiles(study).all():
        log.finished(result)
    took = time.monotonic() - began
    log.close()
    return "".join(said), took


def runs_in(study: Path) -> dict[str, list[Any]]:
    """Returns the records of each run that lies in the folder of `study`, the latest last."""
    found: dict[str, list[Any]] = {}
    for path in sorted((study / FOLDER).glob("offline-run-*/run-*.wandb")):
        found.setdefault(path.stem.removeprefix("run-"), []).extend(records_in(path))
    return found


def config_of(records: list[Any]) -> dict[str, Any]:
    (first, *_) = [record.run for record in records if record.HasField("run")]
    return {item.key: json.loads(item.value_json) for item in first.config.update}


def rows_of(records: list[Any]) -> list[dict[str, Any]]:
    rows = [record.history.item for record in records if record.HasField("history")]
    return [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in row} for row in rows]


def tags_of(records: list[Any]) -> list[list[str]]:
    return [list(record.run.tags) for record in records if record.HasField("run") and record.run.tags]


@pytest.mark.slow
def test_offline_runs_are_whole(study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said, _ = follow(study)
    assert said == (
        f"W&B       {TRIALS + 2} kept here; to send them: wandb sync '{study}/wandb'/offline-run-*"
    )
    runs = runs_in(study)
    assert len(runs) == TRIALS + 2
    records = runs[f"my-study-{LIVE.key}"]
    config = config_of(records)
    assert (config["stage"], config["seed"], config["hidden_units"]) == ("lr", 3, "1024/512/256")
    rows = rows_of(records)
    assert [(row["epoch"], row["val_accuracy"]) for row in rows] == [(1, 0.5), (2, 0.75)]
    assert {record.run.run_group for record in records if record.HasField("run")} == {"my study/lr"}
    summary = {item.key: item.value_json for record in records for item in record.summary.update}
    assert (summary["status"], summary["mean_val_accuracy"]) == ('"COMPLETED"', "0.625")
    assert any(record.HasField("exit") for record in records)
    assert list((tmp_path / "cwd").iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_winner_is_tagged_and_the_stage_has_table_and_figures(study: Path) -> None:
    follow(study)
    runs = runs_in(study)
    (result,) = StageFiles(study).all()
    assert result.winner
    winners = {f"my-study-{key}" for key in result.entry_of(result.winner).trials}
    assert {name for name, records in runs.items() if ["lr", "winner of lr"] in tags_of(records)} == winners
    (folder,) = (study / FOLDER).glob("offline-run-*stage-lr")
    (table,) = (folder / "files" / "media" / "table").glob("table_*.table.json")
    assert json.loads(table.read_text())["columns"][:3] == ["value", "standing", "mean_val_accuracy"]
    assert {path.name.partition("_")[0] for path in folder.rglob("*.png")} >= {"lr-val-accuracy", "lr-means"}
    assert all(record.history.item for record in runs["my-study-stage-lr"] if record.HasField("history"))


@pytest.mark.slow
def test_study_that_goes_on_logs_nothing_twice(study: Path) -> None:
    follow(study)
    before = sorted((study / FOLDER).glob("offline-run-*"))
    said: list[str] = []
    log = WandbLog(Place(study=study, mode=OFFLINE, project="p"), Ledger(study), said.append)
    for result in StageFiles(study).all():
        log.finished(result)
    log.close()
    assert (said, sorted((study / FOLDER).glob("offline-run-*"))) == ([], before)


@pytest.mark.slow
def test_wandb_reads_the_offline_runs_and_sends_them(study: Path) -> None:
    follow(study)
    with answering() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        folders = map(str, sorted((study / FOLDER).glob("offline-run-*")))
        subprocess.run(
            [sys.executable, "-m", "wandb", "sync", *folders],
            env={**os.environ, "WANDB_BASE_URL": url, "WANDB_API_KEY": KEY},
            capture_output=True,
            check=True,
            timeout=60,
        )
    rows = server.rows[f"my-study-{LIVE.key}"]
    assert [(row["_step"], row["val_accuracy"]) for row in rows] == [(1, 0.5), (2, 0.75)]
    assert {run["name"] for run in server.runs} == set(runs_in(study))


@pytest.mark.slow
def test_online_runs_are_sent(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as server:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        said, _ = follow(study, ONLINE)
    assert said == f"W&B       {TRIALS + 2} runs sent"
    (run,) = [run for run in server.runs if run["name"] == f"my-study-{LIVE.key}" and run["groupName"]]
    assert (run["groupName"], run["jobType"], run["tags"]) == ("my study/lr", "lr", ["lr"])
    assert len(server.rows[f"my-study-{LIVE.key}"]) == 2
    assert ["lr", "winner of lr"] in [run["tags"] for run in server.runs]
    written = (path for path in study.rglob("*") if path.is_file())
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that accepts and never answers."""
    with silent() as port:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("dead")
def test_dead_server_slows_nothing_and_all_is_kept(study: Path) -> None:
    said, took = follow(study, ONLINE)
    assert took < 1
    assert said.startswith(f"W&B       {TRIALS + 2} kept here (")
    assert "to send them: wandb sync" in said
    assert len(rows_of(runs_in(study)[f"my-study-{LIVE.key}"])) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("dead")
def test_dead_server_delays_the_end_for_a_bounded_time(study: Path) -> None:
    began = time.monotonic()
    said, _ = follow(study, ONLINE, wait_s=1)
    assert time.monotonic() - began < 5
    assert said.endswith(" not logged, the same command again does it")


@pytest.mark.usefixtures("dead")
def test_interruption_does_not_wait(study: Path) -> None:
    log = WandbLog(Place(study=study, mode=ONLINE, project="p"), Ledger(study), lambda line: None)
    log.started(LIVE)
    began = time.monotonic()
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        log.close()
    assert time.monotonic() - began < 2


@pytest.mark.slow
def test_failed_trial_is_logged_as_failed(tmp_path: Path) -> None:
    log = WandbLog(Place(study=tmp_path, mode=OFFLINE, project="p"), Ledger(tmp_path), lambda line: None)
    log.begun("stage lr", 1)
    log.ended(make_result(LIVE, status=TrialStatus.FAILED, reason="the loss is nan"))
    log.close()
    ((name, records),) = runs_in(tmp_path).items()
    assert name.endswith(LIVE.key)
    assert [record.exit.exit_code for record in records if record.HasField("exit")] == [1]
    summary = {item.key: item.value_json for record in records for item in record.summary.update}
    assert (summary["reason"], summary["mean_val_accuracy"]) == ('"the loss is nan"', "null")


def test_note_that_is_damaged_counts_as_not_logged(tmp_path: Path) -> None:
    place = Place(study=tmp_path, mode=OFFLINE, project="p", entity="team")
    path = tmp_path / "wandb" / "logged" / "team_p" / "x.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert Note(place).find("x") is None
    assert list(Note(place).all()) == []
