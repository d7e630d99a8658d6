"""The formats of exports: what each needs, and how its own runtime is asked for probabilities."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_prep.errors import InputError
from trainables.features.images import Pixels

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of `keras.Model.export`: Keras' name of it, its file or folder, and the packages for it."""

    name: str
    keras_name: str
    file_name: str
    needs: tuple[str, ...]


EXPORT_FORMATS = (
    Format(
        name="saved_model",
        keras_name="tf_saved_model",
        file_name="saved_model",
        needs=("tensorflow",),
    ),
    Format(
        name="onnx",
        keras_name="onnx",
        file_name="model.onnx",
        needs=("tensorflow", "tf2onnx", "onnx", "onnxruntime"),
    ),
    Format(
        name="tflite",
        keras_name="litert",
        file_name="model.tflite",
        needs=("tensorflow", "ai-edge-litert"),
    ),
)


def find_format(name: str) -> Format:
    """Returns the format of that name; raises InputError where it is unknown or its packages are missing."""
    for known in EXPORT_FORMATS:
        if known.name == name:
            _require_installed(known)
            return known
    names = ", ".join(known.name for known in EXPORT_FORMATS)
    raise InputError(f"a format is one of {names}, received {name!r}")


def run_exported(path: Path, form: Format, pixels: Pixels) -> Probabilities:
    """Returns the probabilities that the runtime of `form` gives for pixels `(n, px, px, 3)`.

    They are of label 1, `(n,)`, for two classes, else of every label, `(n, classes)`.
    """
    run = {"saved_model": _run_saved_model, "onnx": _run_onnx, "tflite": _run_tflite}[form.name]
    found = np.asarray(run(path, pixels.astype(np.float32)), dtype=np.float32).reshape(len(pixels), -1)
    return found[:, 0] if found.shape[1] == 1 else found


def _run_saved_model(path: Path, inputs: npt.NDArray[np.float32]) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # holds the variables while they are used
    return loaded.serve(inputs)


def _run_onnx(path: Path, inputs: npt.NDArray[np.float32]) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def _run_tflite(path: Path, inputs: npt.NDArray[np.float32]) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    reads = interpreter.get_input_details()[0]["index"]
    # LiteRT has memory for a batch of one until it is told another size
    interpreter.resize_tensor_input(reads, inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(reads, inputs)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _require_installed(form: Format) -> None:
    # each of these packages is imported by its own name, with underscores
    missing = [name for name in form.needs if importlib.util.find_spec(name.replace("-", "_")) is None]
    if missing:
        raise InputError(
            f"the format {form.name} needs {' and '.join(missing)}, not installed here; "
            f"pip install {' '.join(missing)}"
        )
