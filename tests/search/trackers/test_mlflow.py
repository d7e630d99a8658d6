"""A study in MLflow: what a server is told, when, and what a server that is away costs."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.storage.json_files import write_json
from search.options.parser import parse_options
from search.options.run_groups import CallbackOptions
from search.study.formats import MODEL
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.search_id import SearchId, SearchKind
from search.study.stage_results import StageFiles
from search.trackers.from_options import require_mlflow
from search.trackers.mlflow.callback import MlflowLog
from search.trackers.mlflow.model import KerasModel
from search.trackers.mlflow.server import MlflowRun, MlflowServer
from tests.search.makers import make_column, make_finetune_result, make_result, make_trial
from tests.waiting import free_port, is_listening, wait_until
from trainables.trial import TrialStatus

TRIAL = make_trial(epochs=2, learning_rate=0.1)
SERVER = shutil.which("mlflow")


class FakeServer:
    """Keeps runs in a list, as `MlflowServer` would on a server."""

    def __init__(self, known: dict[str, str] | None = None, trouble: str = "") -> None:
        self._known, self._trouble = known or {}, trouble
        self.runs: list[MlflowRun] = []
        self.tags: list[tuple[str, str]] = []

    def known(self) -> dict[str, str]:
        return dict(self._known)

    def keep(self, run: MlflowRun) -> str:
        if self._trouble:
            raise ConnectionError(self._trouble)
        self.runs.append(run)
        return f"run {len(self.runs)}"

    def tag(self, run_id: str, name: str) -> None:
        self.tags.append((run_id, name))


def test_ended_trial_is_a_run_with_its_epochs(tmp_path: Path) -> None:
    server, said = FakeServer(), list[str]()
    log = MlflowLog(lambda: server, Ledger(tmp_path), said.append)
    log.search_began(SearchId(SearchKind.STAGE, "lr"), 1)
    log.trial_ended(make_result(TRIAL, 0.5, 0.75))
    log.close()
    (run,) = server.runs
    assert (run.key, run.name, run.status) == (TRIAL.key, f"0.1_seed7_random_{TRIAL.key}", "FINISHED")
    assert run.params["learning_rate"] == 0.1
    assert [(row["epoch"], row["val_accuracy"]) for row in run.epochs] == [(1, 0.5), (2, 0.75)]
    assert [row["mean_val_accuracy"] for row in run.epochs] == [0.5, 0.625]
    assert run.tags["stage"] == "lr"
    assert said == ["MLflow    1 run was added"]


def test_trial_that_failed_is_a_failed_run(tmp_path: Path) -> None:
    server = FakeServer()
    log = MlflowLog(lambda: server, Ledger(tmp_path), print)
    log.trial_ended(make_result(TRIAL, status=TrialStatus.FAILED, reason="its worker died"))
    log.close()
    assert (server.runs[0].status, server.runs[0].tags["reason"]) == ("FAILED", "its worker died")


def test_decided_stage_adds_what_is_missing_and_tags_the_winner(whole_study: Path) -> None:
    result = StageFiles(whole_study).read("lr")
    assert result
    assert result.winner
    keys = result.trial_keys()
    server = FakeServer({keys[0]: "of before"})
    log = MlflowLog(lambda: server, Ledger(whole_study), print)
    log.search_finished(result)
    log.close()
    assert [run.key for run in server.runs] == keys[1:]
    assert len(server.tags) == len(result.entry_of(result.winner).trials)
    assert {name for _, name in server.tags} == {"winner of lr"}


def test_server_that_is_away_is_asked_once_and_said_at_the_end(tmp_path: Path) -> None:
    asked, said = list[int](), list[str]()

    def connect() -> FakeServer:
        asked.append(1)
        raise ConnectionError("connection refused")

    log = MlflowLog(connect, Ledger(tmp_path), said.append)
    for accuracy in (0.5, 0.75):
        log.trial_ended(make_result(TRIAL, accuracy))
    log.close()
    assert asked == [1]
    assert said == [
        "MLflow    0 runs were added, not all (connection refused); the next run of the study adds the others"
    ]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("localhost:5000", "must be an address such as http://localhost:5000, received 'localhost:5000'"),
        ("http://me:secret@lab", "must have no password in it; give MLFLOW_TRACKING_USERNAME and _PASSWORD"),
    ],
)
def test_address_that_is_none_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], address: str, said: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_options(["--stage", "lr", "--mlflow", address])
    assert said in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_mlflow_that_is_not_installed_is_said_before_a_search() -> None:
    require_mlflow(CallbackOptions())
    with pytest.raises(InputError, match=r"needs the package mlflow-skinny.*pip install '\.\[mlflow\]'"):
        require_mlflow(CallbackOptions(mlflow="http://localhost:5000"))


def write_keras_file(path: Path, *, side: int) -> Path:
    """Writes what a reader of shapes needs of a `.keras` file."""
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, side, side, 3]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": [first]}}))
    return path


def test_final_model_is_told_with_its_classes_and_backend(tmp_path: Path) -> None:
    layout, server = Layout(tmp_path), FakeServer()
    write_json(layout.finetune, make_finetune_result(make_column("tuned", "tuned")).to_dict())
    layout.model.parent.mkdir()
    layout.model.touch()
    record = {"format": MODEL.number, "labels": {"0": "oak", "1": "elm", "2": "ash"}, "keras_backend": "jax"}
    write_json(layout.model.with_suffix(".json"), record)
    MlflowLog(lambda: server, Ledger(tmp_path), print).close()
    (run,) = server.runs
    assert (run.name, run.model) == ("final model: tuned", KerasModel(layout.model, 3, "jax"))


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a real server of this machine."""
    pytest.importorskip("mlflow")
    if SERVER is None:
        pytest.skip("no mlflow server found; pip install mlflow, in an environment of its own")
    port, places = free_port(), (f"sqlite:///{tmp_path}/store.db", str(tmp_path / "artifacts"))
    words = ("server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        [SERVER, *words, "--backend-store-uri", places[0], "--artifacts-destination", places[1]],
        env=environ,
        start_new_session=True,
    )
    wait_until(lambda: is_listening(port), "the server listens")
    yield f"http://127.0.0.1:{port}"
    os.killpg(server.pid, 15)
    server.wait()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")  # of classes of MLflow's
def test_real_server_has_the_study_and_its_final_model(address: str, tmp_path: Path) -> None:
    file = write_keras_file(tmp_path / "final.keras", side=7)
    server = MlflowServer(address, "faces")
    run = MlflowRun(
        key="k",
        name="a run",
        params={"learning_rate": 0.1},
        epochs=[{"epoch": 1, "val_accuracy": 0.5}, {"epoch": 2, "val_accuracy": 0.75}],
        metrics={"mean_val_accuracy": 0.625},
        tags={"stage": "lr"},
        files=[file],
        model=KerasModel(file, 3, "jax"),
    )
    made = server.keep(run)
    server.tag(made, "winner of lr")
    assert MlflowServer(address, "faces").known() == {"k": made}
    from mlflow import MlflowClient, artifacts, models

    client = MlflowClient(address)
    found = client.get_run(made)
    assert (found.info.status, found.data.params) == ("FINISHED", {"learning_rate": "0.1"})
    assert found.data.metrics["mean_val_accuracy"] == 0.625
    assert [each.value for each in client.get_metric_history(made, "val_accuracy")] == [0.5, 0.75]
    assert (found.data.tags["stage"], found.data.tags["winner of lr"]) == ("lr", "true")
    assert [each.path for each in client.list_artifacts(made)] == ["final.keras", "model"]
    kept = models.Model.load(
        f"{artifacts.download_artifacts(f'runs:/{made}/model', tracking_uri=address)}/MLmodel"
    )
    assert [each.shape for each in kept.signature.inputs] == [(-1, 7, 7, 3)]
    assert [each.shape for each in kept.signature.outputs] == [(-1, 3)]
    assert (kept.flavors["keras"]["data"], kept.flavors["keras"]["keras_backend"]) == ("data", "jax")
