"""A worker's first look around, whenever its node joined: versions, and the GPU that Keras sees."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest

from trainables import worker
from trainables.backends import Gpu
from trainables.training import devices
from trainables.versions import versions_here
from trainables.worker import RefusedError, prepare

pytestmark = pytest.mark.training


def data(gpus: float) -> Any:
    return SimpleNamespace(compiled=None, cpus=1, gpus=gpus, versions=None)


def test_worker_that_sees_no_gpu_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(data(0.0), keras.backend.backend())
    with pytest.raises(
        RefusedError, match=rf"^Keras on {keras.backend.backend()} sees no GPU on .+; install"
    ):
        prepare(data(0.25), keras.backend.backend())
    monkeypatch.setattr(devices, "gpus_seen", lambda: (Gpu("T4"),))
    prepare(data(0.25), keras.backend.backend())


def test_worker_of_a_node_with_other_versions_trains_nothing() -> None:
    backend = keras.backend.backend()
    here = versions_here(backend)
    of_cluster = SimpleNamespace(**vars(data(0.0)), keras_backend=backend)
    of_cluster.versions = here
    prepare(of_cluster, backend)
    of_cluster.versions = {**here, "Keras": "2.0"}
    with pytest.raises(
        RefusedError, match=r"^node .+ has Keras 3\..+, the driver's has 2\.0; install the same"
    ):
        prepare(of_cluster, backend)


def test_worker_waits_for_the_folder_that_the_driver_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = tmp_path / "study" / "checkpoints"
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            checkpoints.mkdir(parents=True)

    monkeypatch.setattr(worker.time, "sleep", wait)
    worker.wait_for(checkpoints)
    worker.wait_for(checkpoints)
    assert len(waits) == 2
