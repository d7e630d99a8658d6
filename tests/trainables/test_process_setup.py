"""What a process is told before Keras is imported."""

from __future__ import annotations

import os
import sys

import pytest

from trainables.process_setup import prepare_process


@pytest.fixture(autouse=True)
def _without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)


def test_process_uses_as_many_threads_as_it_has_cpus() -> None:
    prepare_process("jax", 3)
    assert {os.environ[name] for name in ("NPROC", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")} == {"3"}
    assert os.environ["KERAS_BACKEND"] == "jax"


@pytest.mark.parametrize(("gpus", "share"), [(0.25, "0.225"), (1.0, None), (0.0, None), (2.0, None)])
def test_share_of_a_gpu_limits_its_memory(
    gpus: float, share: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    prepare_process("jax", 1, gpus)
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION") == share


@pytest.mark.training
def test_process_with_keras_on_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setitem(sys.modules, "keras", keras)
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    with pytest.raises(RuntimeError, match=f"not on {other}"):
        prepare_process(other, 1)
