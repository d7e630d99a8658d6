"""A worker that is to train on a GPU: it asks what Keras sees, whenever its node joined."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import pytest

from trainables.training import devices
from trainables.worker import prepare

pytestmark = pytest.mark.training


def data(gpus: float) -> Any:
    return SimpleNamespace(compiled=None, cpus=1, gpus=gpus)


def test_worker_that_sees_no_gpu_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(data(0.0), keras.backend.backend())
    with pytest.raises(RuntimeError, match=rf"^Keras on {keras.backend.backend()} sees no GPU on .+$"):
        prepare(data(0.25), keras.backend.backend())
    monkeypatch.setattr(devices, "gpus_seen", lambda: (devices.Gpu("T4"),))
    prepare(data(0.25), keras.backend.backend())
