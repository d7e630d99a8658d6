"""Which backend of Keras trains and which makes features."""

from __future__ import annotations

from typing import Any

import pytest

from data_prep.errors import InputError
from trainables import backends as module
from trainables.backends import extraction_backend, installed_backend


@pytest.mark.parametrize(
    ("environment", "wanted", "backend"),
    [
        (None, "tensorflow", "tensorflow"),
        (None, "jax", "jax"),
        (None, "auto", "jax"),
        ("tensorflow", "auto", "tensorflow"),
        ("tensorflow", "jax", "jax"),
        ("", "auto", "jax"),
    ],
)
def test_installed_backend(
    monkeypatch: pytest.MonkeyPatch, environment: str | None, wanted: str, backend: str
) -> None:
    if environment is None:
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
    else:
        monkeypatch.setenv("KERAS_BACKEND", environment)
    assert installed_backend(wanted) == backend


@pytest.mark.parametrize("wanted", ["torch", "JAX", ""])
def test_installed_backend_that_is_unknown(wanted: str) -> None:
    with pytest.raises(InputError, match=rf"is one of auto, tensorflow, jax, received '{wanted}'"):
        installed_backend(wanted)


def test_installed_backend_that_the_environment_misspells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(InputError, match="received 'theano'"):
        installed_backend("auto")


def without_jax(package: str) -> Any:
    return None if package == "jax" else object()


def test_installed_backend_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", without_jax)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert installed_backend("auto") == "tensorflow"
    with pytest.raises(InputError, match=r"backend jax is not installed; install it .*--keras-backend auto"):
        installed_backend("jax")


@pytest.mark.parametrize(("gpus", "backend"), [(0.0, "tensorflow"), (0.25, "jax"), (1.0, "jax")])
def test_extraction_backend_is_tensorflow_without_a_gpu(gpus: float, backend: str) -> None:
    assert extraction_backend("jax", gpus) == backend
