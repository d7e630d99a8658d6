"""Problems without photographs: rows of random numbers in the feature cache, for what only trains heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.heads import FEATURES
from data_prep.manifest import Manifest
from search.study.setup import Problem
from trainables.backbones.table import find_backbone
from trainables.features.cache import find_features, make_key, remember_weights, write_shard
from trainables.features.extraction import complete
from trainables.trial import TrialConfig

SIGNAL = 0.02  # of a label in each feature: heads learn, slowly


def random_problem(
    folder: Path, images: int, keras_backend: str = "auto", *, people: int | None = None
) -> Problem:
    """Returns the problem of `images` rows whose features lie in `folder`/cache; its photographs are empty.

    The photographs are of `people`, by default each of another.

    The features `(images, FEATURES)` are those that TrialConfig's backbone would have made.
    """
    labels = np.arange(images) % 2
    table = pd.DataFrame(
        {
            "path": [f"{row}.jpg" for row in range(images)],
            "label": labels,
            "subject": [f"s{row % (people or images)}" for row in range(images)],
            "fold": 0,
            "age": None,
            "source": "folder",
        }
    )
    for name in table["path"]:
        (folder / name).touch()
    digests = [f"{row:032x}" for row in range(images)]
    manifest = Manifest.of(table, folder.absolute(), digests, class_names=("one", "other"))
    _fill_cache(folder / "cache", manifest, labels)
    return Problem.of(manifest, "random", "none", keras_backend)


def features_of(problem: Problem, folder: Path) -> np.ndarray:
    """Returns the features of a problem that `random_problem` made in `folder`, `(images, FEATURES)`."""
    backbone = find_backbone(TrialConfig.backbone)
    store = find_features(folder / "cache", backbone, "none", problem.manifest.image_digests)
    if store is None:
        raise RuntimeError(f"{folder} has no features of such a problem")
    return store.open()


def _fill_cache(cache: Path, manifest: Manifest, labels: np.ndarray) -> None:
    backbone = find_backbone(TrialConfig.backbone)
    remember_weights(cache, backbone, "none", "benchmark")
    key = make_key(backbone, "benchmark", manifest.image_digests)
    rng = np.random.default_rng(0)
    rows = rng.random((len(labels), FEATURES), dtype=np.float32)
    rows += np.float32(SIGNAL) * labels[:, None].astype(np.float32)

    def compute(missing: list[range]) -> float:
        for shard in missing:
            write_shard(key.folder(cache), shard, rows[shard.start : shard.stop])
        return 0.0

    complete(key, cache, compute, {}, shard_images=len(labels))
