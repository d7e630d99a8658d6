"""Weights & Biases: runs that lie in a folder or go to a server, and servers that do not answer."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.storage.json_files import write_json
from search.options.types import OFFLINE, ONLINE
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.stage_results import StageFiles
from search.trackers.wandb.callback import WAIT_S, WandbLog
from search.trackers.wandb.logged_runs import Destination, Logged, Note, Run
from search.trackers.wandb.process import Teller
from search.trackers.wandb.runs import HASTE
from tests.search.makers import (
    make_column,
    make_entry,
    make_epochs,
    make_finetune_result,
    make_population_result,
    make_result,
    make_trial,
)
from tests.search.wandb_server import Server, answering, records_in, silent, visitors_of
from tests.waiting import PATIENCE_S, wait_until
from trainables.trial import MEMBER, EpochMetrics, TrialResult, TrialStatus

pytestmark = pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
KEY = "0123456789" * 4
LIVE = make_trial(epochs=2, seed=3)
LIVE_ID = f"my-study-{LIVE.key}"
TRIALS = 8  # of the stage: four rates, two seeds
ONE_TRY_S = 4  # after which a server that does not answer is taken for dead
LONG_S = 600  # in which a server that answers is not given up, however busy the machine is


def keep_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides the user's account, and makes an empty working folder below `folder`."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "cwd").mkdir()
    monkeypatch.chdir(folder / "cwd")


@pytest.fixture(autouse=True)
def _environment_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_apart(tmp_path, monkeypatch)


@pytest.fixture
def study(write_study: Callable[..., Path], tmp_path: Path) -> Path:
    """A study with the learning-rate stage."""
    return write_study(tmp_path / "my study", stages=["lr"], repeats=2, epochs=3)


@pytest.fixture(scope="module")
def _followed(write_study: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("followed")
    with pytest.MonkeyPatch.context() as monkeypatch:
        keep_apart(folder, monkeypatch)
        study = write_study(folder / "my study", stages=["lr"], repeats=2, epochs=3)
        follow(study)
    return study


@pytest.fixture
def logged(_followed: Path, tmp_path: Path) -> Path:
    """That study after its stage and one more trial were logged offline."""
    return Path(shutil.copytree(_followed, tmp_path / "my study", symlinks=True))


def log_of(
    study: Path, mode: str = OFFLINE, wait_s: float = LONG_S, said: list[str] | None = None
) -> WandbLog:
    """Returns who logs `study` for the first time or once more, as a process that continues it."""
    say = (said if said is not None else []).append
    return WandbLog(Destination(study=study, mode=mode, project="p"), Ledger(study), say, wait_s=wait_s)


def train(log: WandbLog, result: TrialResult, epochs: Sequence[EpochMetrics] | None = None) -> None:
    """Tells of a trial that ends with `result`, of whose epochs `epochs` are heard."""
    log.trial_started(result.trial)
    for metrics in result.epochs if epochs is None else epochs:
        log.epoch_ended(result.trial, metrics)
    log.trial_ended(result)


def follow(study: Path, mode: str = OFFLINE, wait_s: float = LONG_S) -> tuple[list[str], float]:
    """Follows a trial and the finished stage; returns what was said, and how long following took."""
    said: list[str] = []
    log = log_of(study, mode, wait_s, said)
    began = time.monotonic()
    log.search_began(SearchId.parse("stage lr"), 1)
    train(log, make_result(LIVE, 0.5, 0.75))
    for result in StageFiles(study).all():
        log.search_finished(result)
    took = time.monotonic() - began
    log.close()
    return said, took


def sync(study: Path, server: Server) -> None:
    """Sends what lies in the folder with wandb's own command, as the documentation says it."""
    url = f"http://127.0.0.1:{server.server_port}"
    folders = map(str, sorted((study / "wandb").glob("offline-run-*")))
    subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *folders],
        env={**os.environ, "WANDB_BASE_URL": url, "WANDB_API_KEY": KEY},
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )


def steps_at(server: Server, run_id: str) -> list[tuple[int, float]]:
    """Returns step and validation accuracy of the rows that the server has of a run."""
    return [(row["_step"], row["val_accuracy"]) for row in server.rows_of(run_id)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that answers, and an account there."""
    with answering() as server:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield server


def runs_in(study: Path) -> dict[str, list[Any]]:
    """Returns the records of each run that lies in the folder of `study`, the latest last."""
    found: dict[str, list[Any]] = {}
    for path in sorted((study / "wandb").glob("offline-run-*/run-*.wandb")):
        found.setdefault(path.stem.removeprefix("run-"), []).extend(records_in(path))
    return found


def winners(study: Path) -> Sequence[str]:
    """Returns the keys of the trials of the stage's winner."""
    (result,) = StageFiles(study).all()
    assert result.winner
    return result.entry_of(result.winner).trials


def interrupt(log: WandbLog) -> None:
    """Closes `log` as Ctrl-C does."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        log.close()


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
    assert said[-1] == (
        f"W&B       {TRIALS + 2} kept here; to send them: wandb sync '{study}/wandb'/offline-run-*"
    )
    runs = runs_in(study)
    assert len(runs) == TRIALS + 2
    records = runs[LIVE_ID]
    config = config_of(records)
    assert (config["stage"], config["seed"], config["hidden_units"]) == ("lr", 3, "1024/512/256")
    rows = rows_of(records)
    assert [(row["epoch"], row["val_accuracy"]) for row in rows] == [(1, 0.5), (2, 0.75)]
    assert [(row["mean_val_accuracy"], row["best_val_accuracy"]) for row in rows] == [
        (0.5, 0.5),
        (0.625, 0.75),
    ]
    assert {record.run.run_group for record in records if record.HasField("run")} == {"my study/lr"}
    summary = {item.key: item.value_json for record in records for item in record.summary.update}
    assert (summary["status"], summary["mean_val_accuracy"]) == ('"COMPLETED"', "0.625")
    assert any(record.HasField("exit") for record in records)
    assert list((tmp_path / "cwd").iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_winner_is_tagged_and_the_stage_has_table_and_figures(logged: Path) -> None:
    runs = runs_in(logged)
    tagged = {name for name, records in runs.items() if ["lr", "winner of lr"] in tags_of(records)}
    assert tagged == {f"my-study-{key}" for key in winners(logged)}
    (folder,) = (logged / "wandb").glob("offline-run-*stage-lr")
    (table,) = (folder / "files" / "media" / "table").glob("table_*.table.json")
    assert json.loads(table.read_text())["columns"][:3] == ["value", "standing", "mean_val_accuracy"]
    assert {path.name.partition("_")[0] for path in folder.rglob("*.png")} >= {"lr-val-accuracy", "lr-means"}
    assert all(record.history.item for record in runs["my-study-stage-lr"] if record.HasField("history"))


@pytest.mark.slow
def test_study_that_goes_on_logs_nothing_twice(logged: Path) -> None:
    before = sorted((logged / "wandb").glob("offline-run-*"))
    said: list[str] = []
    log = log_of(logged, said=said)
    for result in StageFiles(logged).all():
        log.search_finished(result)
    log.close()
    assert (said, sorted((logged / "wandb").glob("offline-run-*"))) == ([], before)


@pytest.mark.slow
def test_wandb_reads_the_offline_runs_and_sends_them(logged: Path, server: Server) -> None:
    sync(logged, server)
    assert steps_at(server, LIVE_ID) == [(1, 0.5), (2, 0.75)]
    assert {run["name"] for run in server.runs} == set(runs_in(logged))


@pytest.mark.slow
def test_search_that_was_interrupted_and_continued_is_sent_whole_and_once(
    study: Path, server: Server
) -> None:
    log = log_of(study)
    for result in StageFiles(study).all():
        log.search_finished(result)
    wait_until(lambda: list((study / "wandb").glob("offline-run-*")), "some are logged, others not")
    interrupt(log)
    for path in (study / "wandb").glob("offline-run-*/run-*.wandb"):
        assert any(record.HasField("exit") for record in records_in(path))
    assert not (study / "wandb" / "unfinished").exists()
    follow(study)
    sync(study, server)
    for result in Ledger(study).results():
        epochs = [(metrics.epoch, metrics.val_accuracy) for metrics in result.epochs]
        assert steps_at(server, f"my-study-{result.trial.key}") == epochs
    assert len({run["name"] for run in server.runs}) == TRIALS + 2


@pytest.mark.slow
def test_trial_that_was_cut_and_continued_offline_has_each_epoch_once(study: Path) -> None:
    log = log_of(study)
    log.search_began(SearchId.parse("stage lr"), 1)
    log.trial_started(LIVE)
    log.epoch_ended(LIVE, make_epochs([0.5])[0])
    log.close()
    follow(study)
    assert [row["_step"] for row in rows_of(runs_in(study)[LIVE_ID])] == [1, 2]


@pytest.mark.slow
def test_trial_that_is_trained_again_for_its_weights_stays_as_it_is(logged: Path) -> None:
    before = sorted((logged / "wandb").glob("offline-run-*"))
    there = next(Ledger(logged).results())
    for mode in (OFFLINE, ONLINE):  # online, too, it is not even begun
        log = log_of(logged, mode)
        log.search_began(SearchId.parse("weights"), 1)
        train(log, make_result(there.trial, 0.1, 0.1, 0.1, seconds=9))
        log.close()
    assert sorted((logged / "wandb").glob("offline-run-*")) == before


STOPPED = make_result(LIVE, 0.5, status=TrialStatus.STOPPED)


@pytest.mark.slow
@pytest.mark.parametrize(("is_sent", "name"), [(False, ""), (True, "-2")])
def test_stopped_trial_that_runs_to_its_end_is_logged_anew(
    tmp_path: Path, server: Server, is_sent: bool, name: str
) -> None:
    for result in (STOPPED, make_result(LIVE, 0.5, 0.75)):
        log = log_of(tmp_path)
        log.search_began(SearchId.parse("joint random"), 1)
        log.trial_ended(result)
        log.close()
        if is_sent or result is not STOPPED:
            sync(tmp_path, server)
    run_id = f"{tmp_path.name}-{LIVE.key}"
    assert steps_at(server, run_id + name) == [(1, 0.5), (2, 0.75)]
    assert {run["name"] for run in server.runs} == {run_id, run_id + name}
    assert steps_at(server, run_id)[:1] == [(1, 0.5)]
    assert len(steps_at(server, run_id)) == (1 if is_sent else 2)


@pytest.mark.slow
def test_winner_that_was_sent_before_gets_its_tag_and_keeps_its_numbers(study: Path, server: Server) -> None:
    (key, *_) = winners(study)
    log, result = log_of(study), Ledger(study).find_key(key)
    assert result
    log.search_began(SearchId.parse("stage lr"), 1)
    log.trial_ended(result)
    log.close()
    sync(study, server)
    follow(study)
    sync(study, server)
    run_id = f"my-study-{key}"
    assert server.latest(run_id)["tags"] == ["lr", "winner of lr"]
    assert [step for step, _ in steps_at(server, run_id)] == [1, 2, 3]
    assert server.summaries[run_id]["val_loss"] == result.epochs[-1].val_loss
    assert server.summaries[run_id]["status"] == "COMPLETED"


@pytest.mark.slow
def test_winner_of_a_population_is_tagged(study: Path) -> None:
    members = [replace(make_trial(learning_rate=rate), start=MEMBER) for rate in (0.5, 0.25)]
    ends = [replace(member.config, dropout=0.5) for member in members]
    entries = tuple(make_entry(value=None, config=end, trials=()) for end in ends)
    result = make_population_result(
        entries=entries, winner=ends[1], members=tuple({"key": member.key} for member in members)
    )
    log = log_of(study)
    log.search_began(SearchId.parse("joint random"), 2)
    for member in members:
        log.trial_ended(make_result(member, 0.5))
    log.search_finished(result)
    log.close()
    tagged = {name for name, records in runs_in(study).items() if "winner of joint" in tags_of(records)[-1]}
    assert tagged == {f"my-study-{members[1].key}"}


@pytest.mark.slow
def test_fine_tuning_has_a_summary_and_a_tagged_winner(study: Path) -> None:
    without, winner = make_column("without", "without"), make_column("with", "with", trials=winners(study))
    found = make_finetune_result(without, winner, verdict="undecided")
    write_json(Layout(study).finetune, found.to_dict())
    winner_folder = Layout(study).model.parent
    winner_folder.mkdir()
    for name in ("model.keras", "model_card.md"):
        (winner_folder / name).write_text(name)
    for _ in range(2):
        log = log_of(study)
        log.search_began(SearchId.parse("stage lr"), 0)
        for result in StageFiles(study).all():
            log.search_finished(result)
        log.close()
    runs = runs_in(study)
    (folder,) = (study / "wandb").glob("offline-run-*stage-finetune")
    (table,) = (folder / "files" / "media" / "table").glob("table_*.table.json")
    assert [row[:2] for row in json.loads(table.read_text())["data"]] == [
        ["without", "undecided"],
        ["with", "winner"],
    ]
    assert list(folder.rglob("*finetune*.png"))
    (model,) = (
        record.artifact
        for record in runs["my-study-stage-finetune"]
        if record.HasField("artifact") and record.artifact.type == "model"
    )
    assert (model.name, [entry.path for entry in model.manifest.contents]) == (
        "my-study-final-model",
        ["model.keras", "model_card.md"],
    )
    tagged = {name for name, records in runs.items() if "winner of finetune" in tags_of(records)[-1]}
    assert tagged == {f"my-study-{key}" for key in winners(study)}


@pytest.mark.slow
def test_online_runs_are_sent(study: Path, server: Server) -> None:
    said, _ = follow(study, ONLINE)
    assert said[-1] == f"W&B       {TRIALS + 2} runs sent"
    run = server.latest(LIVE_ID)
    assert (run["groupName"], run["jobType"], run["tags"]) == ("my study/lr", "lr", ["lr"])
    assert steps_at(server, LIVE_ID) == [(1, 0.5), (2, 0.75)]
    (winner,) = {run["name"] for run in server.runs if "winner of lr" in (run["tags"] or [])} & {
        f"my-study-{key}" for key in winners(study)[:1]
    }
    assert [row["epoch"] for row in server.rows_of(winner)] == [1, 2, 3]
    assert {"val_loss", "status"} <= set(server.summaries[winner])
    written = (path for path in study.rglob("*") if path.is_file())
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize(("epochs_before", "goes_on_at"), [(2, 1), (2, 3), (0, 3)])
def test_trial_that_was_cut_and_continued_online_has_each_epoch_once(
    study: Path, server: Server, epochs_before: int, goes_on_at: int
) -> None:
    result = make_result(make_trial(epochs=4), 0.1, 0.2, 0.3, 0.4)
    log = log_of(study, ONLINE)
    log.search_began(SearchId.parse("stage lr"), 1)
    log.trial_started(result.trial)
    for metrics in result.epochs[:epochs_before]:
        log.epoch_ended(result.trial, metrics)
    log.close()
    log = log_of(study, ONLINE)
    log.search_began(SearchId.parse("stage lr"), 1)
    train(log, result, result.epochs[goes_on_at - 1 :])
    log.close()
    rows = steps_at(server, f"my-study-{result.trial.key}")
    assert rows == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]


@pytest.mark.slow
def test_member_that_takes_over_another_state_has_the_epochs_of_its_last_line(
    study: Path, server: Server
) -> None:
    member = replace(make_trial(epochs=3), start=MEMBER)
    result = make_result(member, 0.75, 0.8, 0.85)
    log = log_of(study, ONLINE)
    log.search_began(SearchId.parse("joint random"), 1)
    train(log, result, [*make_epochs([0.1, 0.2]), *result.epochs[1:]])
    log.close()
    assert steps_at(server, f"my-study-{member.key}") == [(1, 0.75), (2, 0.8), (3, 0.85)]


@pytest.mark.slow
def test_run_whose_server_was_given_up_in_the_middle_is_kept_under_another_id(
    study: Path, server: Server
) -> None:
    rows = [{"epoch": 1, "val_accuracy": 0.5}, {"epoch": 2, "val_accuracy": 0.75}]
    run = Run(id="x", name="x", group="g", job_type="lr", tags=("lr",), config={})
    teller = Teller(Destination(study=study, mode=ONLINE, project="p"))
    teller.tell(("start", (run,)))
    teller.tell(("log", ("x", rows[0])))
    wait_until(lambda: server.latest("x"), "the server knows the run")
    teller.tell(HASTE)
    teller.tell(("end", (Logged(run=run, state="COMPLETED", summary={"status": "COMPLETED"}, rows=rows),)))
    teller.tell(None)
    assert not teller.is_at_work(PATIENCE_S)
    teller.end()
    sync(study, server)
    assert steps_at(server, "x-2") == [(1, 0.5), (2, 0.75)]
    assert steps_at(server, "x") in ([], [(1, 0.5)])


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server that accepts and never answers."""
    with silent() as listener:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield listener


@pytest.mark.slow
def test_dead_server_slows_nothing_and_all_is_kept(study: Path, dead: socket.socket) -> None:
    said, took = follow(study, ONLINE)
    assert took < ONE_TRY_S
    assert visitors_of(dead) < TRIALS + 2  # not every run has tried
    assert (
        said[0] == f"W&B       {TRIALS + 2} runs are still to be logged; Ctrl-C leaves them for the next run"
    )
    assert said[-1].startswith(f"W&B       {TRIALS + 2} kept here (")
    assert "to send them: wandb sync" in said[-1]
    assert len(rows_of(runs_in(study)[LIVE_ID])) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("dead")
def test_dead_server_delays_the_end_for_a_bounded_time(study: Path) -> None:
    began = time.monotonic()
    said, _ = follow(study, ONLINE, wait_s=1)
    assert time.monotonic() - began < WAIT_S
    assert said[-1].endswith(" not logged; the same command again logs them")


@pytest.mark.usefixtures("dead")
def test_interruption_does_not_wait(study: Path) -> None:
    log = log_of(study, ONLINE)
    log.trial_started(LIVE)
    began = time.monotonic()
    interrupt(log)
    assert time.monotonic() - began < WAIT_S / 2


@pytest.mark.slow
def test_runs_for_the_folder_have_all_the_time_they_need(tmp_path: Path) -> None:
    log = log_of(tmp_path, wait_s=1)
    log.search_began(SearchId.parse("stage lr"), 1)
    log.trial_ended(make_result(LIVE, 0.5))
    wait_until(lambda: list((tmp_path / "wandb").glob("offline-run-*")), "the process is there")
    for seed in range(100, 220):  # two seconds
        log.trial_ended(make_result(make_trial(seed=seed), 0.5))
    log.close()
    assert len(runs_in(tmp_path)) == 121


@pytest.mark.slow
def test_failed_trial_is_logged_as_failed(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.search_began(SearchId.parse("stage lr"), 1)
    log.trial_ended(make_result(LIVE, status=TrialStatus.FAILED, reason="the loss is nan"))
    log.close()
    ((name, records),) = runs_in(tmp_path).items()
    assert name.endswith(LIVE.key)
    assert [record.exit.exit_code for record in records if record.HasField("exit")] == [1]
    summary = {item.key: item.value_json for record in records for item in record.summary.update}
    assert (summary["reason"], summary["mean_val_accuracy"]) == ('"the loss is nan"', "null")


def test_note_that_is_damaged_counts_as_not_logged(tmp_path: Path) -> None:
    destination = Destination(study=tmp_path, mode=OFFLINE, project="p", entity="team")
    path = tmp_path / "wandb" / "logged" / "team_p" / "x.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert Note(destination).find("x") is None
    assert list(Note(destination).all()) == []
