"""What a random split shares, kept apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_prep.audit.apart import Apart, shared_kept_apart
from data_prep.audit.look_file import look_path, write_looks
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look
from data_prep.splits import make_splits


def manifest_of(root: Path, **columns: Any) -> Manifest:
    """Returns 80 rows of 40 subjects of two classes."""
    owners = np.arange(80) // 2
    table = pd.DataFrame({"path": [f"{number}.jpg" for number in range(80)], "label": owners % 2})
    table = table.assign(subject=[f"s{owner}" for owner in owners], fold=None, age=None, source="folder")
    digests = [f"{number:032x}" for number in range(80)]
    return Manifest.of(table.assign(**columns), root, digests, class_names=("cat", "dog"))


def apart_of(manifest: Manifest, path: Path | None = None) -> Apart | None:
    (split,) = make_splits(manifest, "random")
    return shared_kept_apart(manifest, split, path)


def test_groups_are_kept_apart_and_as_many_rows_validate(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    apart = apart_of(manifest)
    assert apart is not None
    assert (apart.split.shared_groups, apart.known, apart.noun) == (0, True, "groups")
    assert len(apart.split.validation) == pytest.approx(16, abs=2)
    assert np.unique(apart.groups).size == 40


def test_groups_have_the_word_of_their_column(tmp_path: Path) -> None:
    apart = apart_of(replace(manifest_of(tmp_path), group_kind="column person"))
    assert apart is not None
    assert apart.noun == "people"


def test_split_that_shares_no_group_is_left_alone(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    (split,) = make_splits(manifest, "group")
    assert shared_kept_apart(manifest, split, None) is None


def test_groups_that_are_too_few_to_be_cut_are_left_alone(tmp_path: Path) -> None:
    assert apart_of(manifest_of(tmp_path, subject=[f"s{number % 4}" for number in range(80)])) is None


def test_equal_files_stand_in_for_groups_that_are_unknown(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, subject=None)
    assert apart_of(manifest) is None
    digests = tuple(f"{number // 4:032x}" for number in range(80))
    apart = apart_of(replace(manifest, image_digests=digests))
    assert apart is not None
    assert (apart.noun, apart.known) == ("near-duplicates", False)
    sides = [{digests[row] for row in rows} for rows in (apart.split.train, apart.split.validation)]
    assert not sides[0] & sides[1]


def test_near_equal_pictures_of_the_audit_stand_in_for_groups_that_are_unknown(
    tmp_path: Path, made_looks: Callable[..., list[Look]]
) -> None:
    manifest, strangers = manifest_of(tmp_path, subject=None), made_looks(20)
    looks = [strangers[number // 4] for number in range(80)]
    path = tmp_path / "m.parquet"
    write_looks(look_path(path), dict(zip(manifest.image_digests, looks, strict=True)))
    apart = apart_of(manifest, path)
    assert apart is not None
    assert np.unique(apart.groups).size == 20


def test_pictures_that_the_split_keeps_together_are_not_shared(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, subject=None)
    alike = pd.Series(np.arange(80) // 4, dtype="Int32")
    assert apart_of(replace(manifest, table=manifest.table.assign(alike=alike))) is None
