"""Keras' backends: which of them trains, which makes features, and what they see."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass

from data_prep.errors import InputError

KERAS_BACKENDS = ("tensorflow", "jax")
AUTO = "auto"


@dataclass(frozen=True)
class Gpu:
    """A GPU that Keras' backend sees: its kind, and the memory that the process may take; 0 is unknown.

    Here, where no Keras is imported: workers send it to a driver, which has none.
    """

    kind: str
    memory_bytes: int = 0


def installed_backend(wanted: str) -> str:
    """Returns the Keras backend that trains: `wanted`, or for "auto" KERAS_BACKEND, else JAX if installed.

    On two cores at batch 32 a head's step took 14 ms of CPU time on JAX and 16 on TensorFlow, with dropout
    15 and 26.

    Raises InputError where the backend is unknown or not installed.
    """
    if wanted == AUTO:
        wanted = os.environ.get("KERAS_BACKEND") or ("jax" if is_installed("jax") else "tensorflow")
    if wanted not in KERAS_BACKENDS:
        raise InputError(f"a Keras backend is one of auto, {', '.join(KERAS_BACKENDS)}, received {wanted!r}")
    if not is_installed(wanted):
        raise InputError(
            f"the Keras backend {wanted} is not installed; "
            f"install it (pip install '.[jax]' or tensorflow), or use --keras-backend auto"
        )
    return wanted


def extraction_backend(keras_backend: str, gpus: float) -> str:
    """Returns the backend for the backbone's forward pass: on CPUs TensorFlow's kernels are the fastest."""
    # measured for ResNet50V2 on two cores, CPU time an image: TensorFlow 75 ms, JAX 107 to 114
    return "tensorflow" if not gpus and is_installed("tensorflow") else keras_backend


def is_installed(package: str) -> bool:
    """Returns whether the package can be imported, without doing so."""
    return importlib.util.find_spec(package) is not None  # importing TensorFlow takes seconds
