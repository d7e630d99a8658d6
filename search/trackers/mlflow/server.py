"""Experiment of a study on an MLflow server, by MLflow's own client."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.trackers.mlflow.model import KerasModel

KEY = "stagewise.key"  # the tag by which a run is known again
_MOST = 1_000  # metrics in one request, which MLflow takes
# a server that is away would be asked for minutes; standard output is for results
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True, kw_only=True)
class MlflowRun:
    """A run: its `key`, by which it is there once, its values, the rows of its epochs, files and model."""

    key: str
    name: str
    params: Mapping[str, Any]
    epochs: Sequence[Mapping[str, float]] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()
    model: KerasModel | None = None
    status: str = "FINISHED"


class MlflowServer:
    """The experiment called `experiment` at the tracking address `uri`, made where there is none."""

    def __init__(self, uri: str, experiment: str) -> None:
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=uri)
        found = self._client.get_experiment_by_name(experiment)
        self._id = found.experiment_id if found else self._client.create_experiment(experiment)

    def known(self) -> dict[str, str]:
        """Returns the ids of the runs that are there whole, by their keys."""
        return {
            run.data.tags[KEY]: run.info.run_id
            for run in self._runs()
            if KEY in run.data.tags and run.info.status != "RUNNING"  # one that was cut off is told anew
        }

    def keep(self, run: MlflowRun) -> str:
        """Keeps `run` and returns its id; it ends when all of it is there."""
        from mlflow.entities import Metric, Param

        now = int(1000 * time.time())
        tags = {KEY: run.key, **run.tags}
        made = self._client.create_run(self._id, start_time=now, tags=tags, run_name=run.name).info.run_id
        rows = [*((int(row["epoch"]), row) for row in run.epochs), (0, run.metrics)]
        metrics = [Metric(name, value, now, epoch) for epoch, row in rows for name, value in row.items()]
        self._client.log_batch(made, params=[Param(name, str(value)) for name, value in run.params.items()])
        for start in range(0, len(metrics), _MOST):
            self._client.log_batch(made, metrics=metrics[start : start + _MOST])
        for path in run.files:
            self._client.log_artifact(made, str(path))
        if run.model:
            with tempfile.TemporaryDirectory() as folder:
                run.model.save(Path(folder) / "model")
                self._client.log_artifacts(made, str(Path(folder) / "model"), "model")
        self._client.set_terminated(made, status=run.status)
        return str(made)

    def tag(self, run_id: str, name: str) -> None:
        """Marks a run with the tag `name`."""
        self._client.set_tag(run_id, name, "true")

    def _runs(self) -> Iterator[Any]:
        page = None
        while True:
            found = self._client.search_runs([self._id], max_results=_MOST, page_token=page)
            yield from found
            page = found.token
            if not page:
                return
