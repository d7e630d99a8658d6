"""Copies of cached rows on a worker's own disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError
from trainables.backbones.table import find_backbone
from trainables.features.cache import join_shards, make_key, open_features, write_shard
from trainables.features.local_copy import copy_here

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """The folder of four finished rows in a cache."""
    key = make_key(find_backbone("resnet50_v2"), "0" * 32, ["0" * 32] * len(ROWS))
    folder = key.folder(tmp_path / "shared")
    folder.mkdir(parents=True)
    write_shard(folder, range(4), ROWS)
    return join_shards(folder, key, {}).folder


def test_copy_here_gives_the_same_rows(shared: Path, tmp_path: Path) -> None:
    there = copy_here(shared, tmp_path / "local")
    assert there == tmp_path / "local" / "features" / shared.name
    assert np.array_equal(open_features(there), ROWS)


def test_copy_here_copies_once(shared: Path, tmp_path: Path) -> None:
    there = copy_here(shared, tmp_path / "local")
    (shared / "features.npy").unlink()
    assert copy_here(shared, tmp_path / "local") == there


def test_copy_here_copies_again_what_is_another_array_now(shared: Path, tmp_path: Path) -> None:
    there = copy_here(shared, tmp_path / "local")
    (there / "index.json").write_text("{}")
    (there / "features.npy").write_bytes(b"half of it")
    assert np.array_equal(open_features(copy_here(shared, tmp_path / "local")), ROWS)


def damage(shared: Path) -> None:
    with (shared / "features.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage, "are damaged; run again to make them again"),
        (lambda shared: (shared / "index.json").unlink(), r"are not there \(.*\); run again"),
        (
            lambda shared: (shared / "features.npy").unlink(),
            r"are not there \(.*\); run again",
        ),
    ],
)
def test_copy_here_says_what_is_wrong(
    harm: Callable[[Path], None], said: str, shared: Path, tmp_path: Path
) -> None:
    harm(shared)
    with pytest.raises(InputError, match=said):
        copy_here(shared, tmp_path / "local")
    assert not list((tmp_path / "local").rglob("*.npy"))
