"""Final model as MLflow keeps one of Keras: its file, with a signature of what it takes and gives.

MLflow's own `save_model` wants the network in memory, for which the driver would have to import Keras.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

_DATA = "data"
_FILE = "model.keras"  # where MLflow looks for it, whatever the file was called


@dataclass(frozen=True)
class KerasModel:
    """A `.keras` file of a classifier of images, of how many classes, and the backend that trained it."""

    file: Path
    classes: int
    keras_backend: str

    def save(self, folder: Path) -> None:
        """Writes `folder`, which `mlflow.keras.load_model` loads."""
        from mlflow import pyfunc
        from mlflow.models import Model, ModelSignature
        from mlflow.types import Schema, TensorSpec

        (folder / _DATA).mkdir(parents=True)
        shutil.copy(self.file, folder / _DATA / _FILE)
        packages = [f"{name}=={version(name)}" for name in ("keras", self.keras_backend)]
        (folder / "requirements.txt").write_text("\n".join(packages) + "\n")
        takes = TensorSpec(np.dtype("float32"), (-1, *_image_shape(self.file)))
        gives = TensorSpec(np.dtype("float32"), (-1, 1 if self.classes == 2 else self.classes))
        model = Model(signature=ModelSignature(inputs=Schema([takes]), outputs=Schema([gives])))
        model.add_flavor(
            "keras",
            data=_DATA,
            keras_version=version("keras"),
            keras_backend=self.keras_backend,
            save_exported_model=False,
        )
        pyfunc.add_to_model(model, loader_module="mlflow.keras")
        model.save(str(folder / "MLmodel"))


def _image_shape(file: Path) -> tuple[int, int, int]:
    with zipfile.ZipFile(file) as archive:
        # of our models the first layer is the input
        first = json.loads(archive.read("config.json"))["config"]["layers"][0]
    _, *shape = first["config"]["batch_shape"]
    height, width, channels = map(int, shape)
    return height, width, channels
