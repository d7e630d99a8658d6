"""The audit of a build: which pictures the manifest keeps together, and a few lines on what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_prep.audit.alike import Groups, near_groups
from data_prep.audit.auditing import audit
from data_prep.audit.finding import Audit
from data_prep.groups import TOGETHER
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look

# data sets that others publish numbers on: their splits stay as others make them
PUBLISHED = ("adience", "celeba", "fairface", "sample", "utkface")
MOST_UNASKED = 50_000  # pictures that are compared in seconds, also where nothing hangs on it


def audited(manifest: Manifest, looks: Sequence[Look], alike: str | None = None) -> tuple[Manifest, Audit]:
    """Returns `manifest` with its column `alike`, and the audit of it.

    Splits keep equal and near-equal pictures on one side where `alike` is TOGETHER (of `data_prep.groups`),
    and without a word (None) unless the data set is one of PUBLISHED.
    """
    keeps = alike == TOGETHER or (alike is None and not manifest.table["source"].isin(PUBLISHED).any())
    # drawings are alike by nature
    is_asked = keeps or (len(looks) <= MOST_UNASKED and not manifest.is_drawn)
    near = near_groups(looks) if is_asked else _none(len(looks))
    if keeps:
        manifest = _keeping(manifest, near)
    return manifest, audit(manifest, looks, near=near)


def _keeping(manifest: Manifest, near: Groups) -> Manifest:
    numbers = pd.Series(near, dtype="Int32")
    return Manifest.of(
        manifest.table.assign(alike=numbers.where(numbers >= 0)),
        manifest.root,
        manifest.image_digests,
        class_names=manifest.class_names,
        group_kind=manifest.group_kind,
    )


def _none(rows: int) -> Groups:
    return np.full(rows, -1, dtype=np.int32)
