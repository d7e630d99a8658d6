"""The audit itself: all checks of a manifest, in the order in which a reader wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_prep.audit import composition, duplicates, outliers
from data_prep.audit.alike import Groups, feature_groups, near_groups
from data_prep.audit.finding import Audit, Finding
from data_prep.audit.giveaways import giveaways
from data_prep.audit.suspects import suspects, whitened
from data_prep.connected import connected
from data_prep.errors import InputError
from data_prep.groups import groups_of
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look
from data_prep.splits import Split

Features = npt.NDArray[np.floating]


def audit(
    manifest: Manifest,
    looks: Sequence[Look],
    splits: Sequence[Split] = (),
    features: Features | None = None,
    *,
    near: Groups | None = None,
) -> Audit:
    """Returns the audit of `manifest`; `looks` and `features` `(n, d)` are those of its rows, in order.

    `splits` are those across which nothing should be there twice. Without features there are no suspects.
    `near` are the groups of near-equal pictures where they are known. Raises InputError where the features
    are not of these rows.
    """
    if features is not None and len(features) != len(manifest):
        raise InputError(
            f"features must have a row for each of the {len(manifest):,} images, received {len(features):,}; "
            "name those of this manifest"
        )
    near = near_groups(looks) if near is None else near
    found = [
        *_duplicates(manifest, looks, splits, near),
        *(_by_features(manifest, splits, features, near) if features is not None else ()),
        composition.classes(manifest),
        composition.groups(manifest),
        outliers.sizes(manifest),
        giveaways(manifest, looks),
        outliers.brightness(looks),
        outliers.sharpness(looks),
    ]
    return Audit(manifest, tuple(found))


def brief_audit(manifest: Manifest, splits: Sequence[Split]) -> Audit:
    """Returns what the manifest alone tells: no picture is opened or compared."""
    alike: Groups = manifest.table["alike"].fillna(-1).to_numpy(dtype=np.int32)
    found = (
        duplicates.equal_files(manifest, splits),
        duplicates.kept_together(manifest, splits, alike),
        composition.classes(manifest),
        composition.groups(manifest),
    )
    return Audit(manifest, found)


def _duplicates(
    manifest: Manifest, looks: Sequence[Look], splits: Sequence[Split], near: Groups
) -> Iterator[Finding]:
    yield duplicates.equal_files(manifest, splits)
    yield duplicates.equal_pictures(manifest, splits, looks)
    yield duplicates.near_pictures(manifest, splits, near, looks)


def _by_features(
    manifest: Manifest, splits: Sequence[Split], features: Features, near: Groups
) -> Iterator[Finding]:
    components = whitened(features)
    yield duplicates.near_features(manifest, splits, feature_groups(components), near)
    groups = pd.factorize(groups_of(manifest.table, manifest.group_kind))[0]
    yield suspects(manifest, components, connected(groups, near))
