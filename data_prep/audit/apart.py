"""What a random split shares, kept apart: groups, and where those are unknown near-equal pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from data_prep.audit.alike import Groups, equal_groups, near_groups
from data_prep.audit.look_file import look_path, read_looks
from data_prep.cuts import Rows
from data_prep.errors import InputError
from data_prep.groups import group_nouns, groups_of
from data_prep.manifest import Manifest
from data_prep.splits import Split, split_apart

ALIKE = "near-duplicates"


@dataclass(frozen=True, kw_only=True, eq=False)
class Apart:
    """A `split` of `manifest` with nothing on both sides; `groups` has a number for every row.

    `noun` is what several groups are called; `known` is whether they are the data's own, and not near-equal
    pictures in their place.
    """

    manifest: Manifest
    split: Split
    groups: Rows
    noun: str
    known: bool


def shared_kept_apart(manifest: Manifest, split: Split, path: Path | None) -> Apart | None:
    """Returns what the random `split` shares, kept apart; None where it shares nothing.

    Where groups are unknown, near-equal pictures stand in: those of the file of looks beside the manifest at
    `path`, else equal files. None, too, where groups are too few to be cut.
    """
    known = split.groups_known
    data = manifest if known else _with_alike(manifest, path)
    names = groups_of(data.table, data.group_kind) if known else data.table["alike"]
    codes = pd.factorize(names)[0].astype(np.int64)
    train, validation = (set(codes[rows][codes[rows] >= 0]) for rows in (split.train, split.validation))
    if not train & validation:
        return None
    try:
        cut = split_apart(data)
    except InputError:  # groups too few to be cut
        return None
    # rows without a group are each their own
    groups = np.where(codes < 0, len(codes) + np.arange(len(codes)), codes)
    noun = group_nouns(data.group_kind)[1] if known else ALIKE
    return Apart(manifest=data, split=cut, groups=groups, noun=noun, known=known)


def _with_alike(data: Manifest, path: Path | None) -> Manifest:
    if data.table["alike"].notna().any() or data.is_drawn:  # kept by all splits; drawings are alike by nature
        return data
    numbers = pd.Series(_alike(data, path), dtype="Int32")
    return replace(data, table=data.table.assign(alike=numbers.where(numbers >= 0)))


def _alike(data: Manifest, path: Path | None) -> Groups:
    looks = read_looks(look_path(path)) if path else {}
    found = [looks.get(digest) for digest in data.image_digests]
    known = [look for look in found if look]
    return near_groups(known) if len(known) == len(found) else equal_groups(data.image_digests)
