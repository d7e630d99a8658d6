"""Setup that all trials of a study share: the data, its splits, the weights and the Keras backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from data_prep.class_names import AGE_GROUPS
from data_prep.manifest import Manifest
from data_prep.pictures.greys import is_deep
from data_prep.splits import SPLIT_SEED, Split, make_splits, protocol_name
from search.space.presets import REPORTS_SOURCES
from search.study.facts import StudyFacts
from trainables.backbones.table import find_backbone, require_one_of_keras, require_one_size
from trainables.backbones.weights import identity_of, weights_identity
from trainables.backends import installed_backend
from trainables.features.cache import FEATURE_PRECISIONS, FeatureStore, find_features
from trainables.features.images import RESIZES, Reading
from trainables.features.inputs import (
    backbone_read_by,
    find_rows,
    rows_of_pictures,
    rows_read_by,
    sides_of,
)
from trainables.features.side_by_side import side_by_side
from trainables.hyperparameters import EXACT, MOMENTUM
from trainables.objective import OBJECTIVE, Objective
from trainables.own_code import OwnCode
from trainables.trial import Trial, TrialConfig


@dataclass(frozen=True, eq=False)
class Problem:
    """Problem that a search is given; the rest is configurations.

    `weights` is `imagenet`, `none` or an absolute path; `keras_backend` trains the heads, and networks on
    images too, where `image_backend` names no other;
    `feature_precision` is that of the frozen backbones' arithmetic; `resize` is how pictures are scaled.
    `objective` decides who is better; `ordered` says that the classes have an order, as ages have without it.
    `code` has networks of the user's own.
    """

    manifest: Manifest
    protocol: str
    splits: tuple[Split, ...]
    weights: str
    keras_backend: str
    feature_precision: str = FEATURE_PRECISIONS[0]
    resize: str = RESIZES[0]
    objective: Objective = OBJECTIVE
    ordered: bool = False
    code: OwnCode | None = None
    image_backend: str = ""

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        protocol: str,
        weights: str | None,
        keras_backend: str,
        feature_precision: str = FEATURE_PRECISIONS[0],
        *,
        resize: str = RESIZES[0],
        objective: Objective = OBJECTIVE,
        ordered: bool = False,
    ) -> Problem:
        """Returns the problem; without `weights` photographs get `imagenet` and drawings `none`.

        Raises InputError for a protocol that the manifest cannot give, weights that are no readable file,
        and a backend that is not installed.
        """
        if weights is None:
            weights = default_weights(manifest)
        if weights_identity(weights) not in ("none", "imagenet"):
            weights = str(Path(weights).absolute())  # Ray's workers stand in other folders
        protocol = protocol_name(protocol)
        # one for all seeds of trials, which are compared in pairs
        splits = make_splits(manifest, protocol, seed=SPLIT_SEED)
        backend = installed_backend(keras_backend)
        extras = feature_precision, resize, objective, ordered
        return cls(manifest, protocol, splits, weights, backend, *extras)

    @property
    def final_splits(self) -> tuple[Split, ...]:
        """The splits that read the test parts: trained on all other rows, validated on the test rows.

        None where the protocol has no test part.
        """
        return tuple(
            replace(
                split,
                name=f"{split.name}-test",
                train=np.union1d(split.train, split.validation),
                validation=split.test,
                test=split.test[:0],
            )
            for split in self.splits
            if split.test.size
        )

    @property
    def validation_rows(self) -> dict[str, np.ndarray]:
        """The validation rows of every split by its name, those that read the test parts among them."""
        return {split.name: split.validation for split in (*self.splits, *self.final_splits)}

    @property
    def is_reports(self) -> bool:
        """Whether the data is the report's, or laid out like it, whose numbers hang on no machine."""
        return set(self.manifest.table["source"]) <= set(REPORTS_SOURCES)

    @property
    def bn_statistics(self) -> str:
        """The BatchNorm statistics of the preset `report` for this data: running averages for its own."""
        return MOMENTUM if self.is_reports else EXACT

    @property
    def labels(self) -> np.ndarray:
        """The label of every row, int16 `(n,)`."""
        return self.manifest.table["label"].to_numpy(dtype=np.int16)

    @property
    def is_ordered(self) -> bool:
        """Whether the classes have an order, so that a mistake by one class is less than one by more."""
        return self.ordered or self.manifest.class_names == AGE_GROUPS

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.manifest.class_names)

    def backend_of(self, config: TrialConfig) -> str:
        """Returns the Keras backend that trains `config`."""
        return config.backend_among(self.keras_backend, self.image_backend)

    def split_named(self, name: str) -> Split | None:
        """Returns the split of that name, also one that reads the test parts; None where there is none."""
        return next((split for split in (*self.splits, *self.final_splits) if split.name == name), None)

    def trial(self, config: TrialConfig, split: str, start: str = "") -> Trial:
        """Returns the trial of `config` on the split of that name; see Trial for its `start`."""
        return Trial(
            config=config,
            data_digest=self.manifest.digest,
            split=split,
            weights=self._weights_of(config),
            keras_backend=self.backend_of(config),
            start=start,
        )

    @cached_property
    def _identity(self) -> str:
        return weights_identity(self.weights)  # reads the whole of a file

    def _weights_of(self, config: TrialConfig) -> str:
        """Returns the name of the backbone's weights, with the precision of the features where it counts."""
        scaled = "" if self.resize == RESIZES[0] else f" of pictures scaled by {self.resize}"
        backbone = find_backbone(backbone_read_by(config))
        require_one_size(backbone)  # here, as each plan asks for its trials: before one is trained
        if config.unfrozen_blocks:
            require_one_of_keras(backbone)
        if not backbone.frozen:
            return scaled.lstrip()
        identity = identity_of(backbone, self.weights) if backbone.preset else self._identity
        if config.trains_on_images or self.feature_precision == FEATURE_PRECISIONS[0]:
            return f"{identity}{scaled}"
        return f"{identity} in {self.feature_precision}{scaled}"

    @property
    def reading(self) -> Reading:
        """How the squares that networks read are made of the pictures."""
        modes = self.manifest.table["mode"].dropna().unique()
        return Reading(self.resize, any(is_deep(mode) for mode in modes))

    def stored_rows(self, name: str, cache: Path) -> np.ndarray | None:
        """Returns the rows called `name` of this data, made as this problem reads pictures, to read only.

        None where `cache` does not have them whole.
        """
        stores = [self._store(side, cache) for side in sides_of(name)]
        whole = [store.open() for store in stores if store]
        return side_by_side(whole) if len(whole) == len(stores) else None

    def extraction_rate(self, name: str, cache: Path) -> float | None:
        """Returns the images a second when the rows called `name` were made; None where it is not known."""
        stores = [self._store(side, cache) for side in sides_of(name)]
        rates = [store.images_per_second if store else None for store in stores]
        # made one after the other: their times add up
        return 1 / sum(1 / rate for rate in rates if rate) if all(rates) else None

    def has_rows(self, name: str, cache: Path) -> bool:
        """Returns whether `cache` has the rows called `name` whole, which lie beside no others."""
        return self._store(name, cache) is not None

    def _store(self, name: str, cache: Path) -> FeatureStore | None:
        made = find_rows(rows_of_pictures(name, self.reading))
        return find_features(cache, made, self.weights, self.manifest.image_digests, self.feature_precision)

    def facts(self) -> StudyFacts:
        """Returns the facts that must be equal for trials to be compared, as they stand in `study.json`."""
        table = self.manifest.table
        exact = self.feature_precision == FEATURE_PRECISIONS[0]
        return StudyFacts(
            data_digest=self.manifest.digest,
            source=str(table["source"].iloc[0]),
            images=len(table),
            labels={str(label): count for label, count in enumerate(self.manifest.class_counts())},
            class_names=self.manifest.class_names,
            group_kind=self.manifest.group_kind,
            subjects=int(table["subject"].nunique()),
            split=self.protocol,
            weights=self._identity,
            keras_backend=self.keras_backend,
            feature_precision=None if exact else self.feature_precision,
            resize=None if self.resize == RESIZES[0] else self.resize,
            image_backend=self.image_backend or None,
        )


def default_weights(manifest: Manifest) -> str:
    """Returns the weights of backbones where nobody names any: none of ImageNet's for drawings."""
    return "none" if manifest.is_drawn else "imagenet"


def are_read(trials: Sequence[Trial], problem: Problem, cache: Path) -> bool:
    """Returns whether any of `trials` needs the images themselves: their features are not in `cache`."""
    return bool(rows_to_make(trials, problem, cache)) or any(
        trial.config.trains_on_images for trial in trials
    )


def rows_to_make(trials: Sequence[Trial], problem: Problem, cache: Path) -> list[str]:
    """Returns the names of the rows that `trials` read and `cache` does not have."""
    # those of pretraining read rows of other data
    ours = [trial.config for trial in trials if trial.data_digest == problem.manifest.digest]
    names = {side for config in ours for side in sides_of(rows_read_by(config))}
    missing = {name for name in names if not problem.has_rows(name, cache)}
    return sorted(rows_of_pictures(name, problem.reading) for name in missing)
