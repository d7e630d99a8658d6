"""What all trials of a study have in common: the data, its splits, the weights and the Keras backend."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.errors import InputError
from data_prep.manifest import Manifest
from data_prep.splits import SEED, Split, make_splits
from trainables.backbones import find_backbone, weights_identity
from trainables.trial import Trial, TrialConfig

KERAS_BACKENDS = ("tensorflow", "jax")


@dataclass(frozen=True, eq=False)
class Problem:
    """The given part of a search; the rest is configurations.

    `weights` is `imagenet`, `none` or an absolute path; `keras_backend` trains the heads.
    """

    manifest: Manifest
    protocol: str
    splits: tuple[Split, ...]
    weights: str
    keras_backend: str

    @classmethod
    def of(cls, manifest: Manifest, protocol: str, weights: str | None, keras_backend: str) -> Problem:
        """Returns the problem; without `weights` photographs get `imagenet` and drawings `none`.

        Raises InputError for a protocol that the manifest cannot give, weights that are no readable file,
        and a backend that is not installed.
        """
        if weights is None:
            weights = "none" if manifest.is_drawn else "imagenet"
        if weights_identity(weights) not in ("none", "imagenet"):
            weights = str(Path(weights).absolute())
        splits = make_splits(manifest, protocol, seed=SEED)
        return cls(manifest, protocol, splits, weights, installed_backend(keras_backend))

    @property
    def final_splits(self) -> tuple[Split, ...]:
        """The splits that read the test parts: trained on all other rows, validated on the test rows.

        None where the protocol has no test part.
        """
        return tuple(
            Split(
                name=f"{split.name}-test",
                train=np.union1d(split.train, split.validation),
                validation=split.test,
                test=split.test[:0],
                shared_subjects=split.shared_subjects,
            )
            for split in self.splits
            if split.test.size
        )

    @property
    def labels(self) -> np.ndarray:
        """The label of every row, int8 `(n,)`."""
        return self.manifest.table["label"].to_numpy(dtype=np.int8)

    def trial(self, config: TrialConfig, split: str) -> Trial:
        """Returns the trial of `config` on the split of that name."""
        reads_weights = find_backbone(config.backbone).frozen
        return Trial(
            config=config,
            data_digest=self.manifest.digest,
            split=split,
            weights=weights_identity(self.weights) if reads_weights else "",
            keras_backend=self.keras_backend,
        )

    def facts(self) -> Mapping[str, Any]:
        """Returns what must be equal for trials to be compared, as it stands in `study.json`."""
        table = self.manifest.table
        return {
            "data_digest": self.manifest.digest,
            "source": str(table["source"].iloc[0]),
            "images": len(table),
            "labels": {str(label): int((table["label"] == label).sum()) for label in (0, 1)},
            "subjects": int(table["subject"].nunique()),
            "split": self.protocol,
            "weights": weights_identity(self.weights),
            "keras_backend": self.keras_backend,
        }


def weights_in_words(weights: str) -> str:
    """Returns what a reader calls these weights."""
    known = {"imagenet": "ImageNet weights", "none": "random weights"}
    return known.get(weights, f"weights of {Path(weights).name}")


def installed_backend(wanted: str) -> str:
    """Returns the Keras backend that trains: `wanted`, or for "auto" KERAS_BACKEND, else JAX if installed.

    On two cores at batch 32 a head's step took 14 ms of CPU time on JAX and 16 on TensorFlow, with dropout
    15 and 26.

    Raises InputError where the backend is unknown or not installed.
    """
    if wanted == "auto":
        wanted = os.environ.get("KERAS_BACKEND") or ("jax" if _is_installed("jax") else "tensorflow")
    if wanted not in KERAS_BACKENDS:
        raise InputError(f"a Keras backend is one of auto, {', '.join(KERAS_BACKENDS)}, received {wanted!r}")
    if not _is_installed(wanted):
        raise InputError(
            f"the Keras backend {wanted} is not installed; "
            f"install it (pip install '.[jax]' or tensorflow), or use --keras-backend auto"
        )
    return wanted


def extraction_backend(keras_backend: str, gpus: float) -> str:
    """Returns the backend for the backbone's forward pass: on CPUs TensorFlow's kernels are the fastest."""
    return "tensorflow" if not gpus and _is_installed("tensorflow") else keras_backend


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
