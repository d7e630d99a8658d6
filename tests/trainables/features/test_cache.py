"""The cache without Keras: keys, shards, checksums, locks."""

import dataclasses
import errno
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError, StorageError
from trainables.backbones.table import find_backbone
from trainables.features.cache import (
    DamagedCacheWarning,
    FeatureKey,
    FeatureStore,
    exclusive,
    feature_key,
    find_features,
    join_shards,
    make_key,
    missing_rows,
    open_features,
    progress_of,
    read_store,
    remember_weights,
    write_shard,
)
from trainables.features.images import Reading
from trainables.features.inputs import find_rows, rows_of_pictures

BACKBONE = find_backbone("resnet50_v2")
DIGESTS = tuple("abcdefghij")
ROWS = np.arange(20, dtype=np.float32).reshape(10, 2)


@pytest.fixture
def key() -> FeatureKey:
    return make_key(BACKBONE, "weights", DIGESTS)


@pytest.fixture
def store(tmp_path: Path, key: FeatureKey) -> FeatureStore:
    folder = key.folder(tmp_path)
    folder.mkdir(parents=True)
    for rows in missing_rows(folder, 10, 4):
        write_shard(folder, rows, ROWS[rows.start : rows.stop])
    return join_shards(folder, key, {"backbone": "resnet50_v2"})


def test_store_opens_read_only_and_in_order(store: FeatureStore) -> None:
    rows = store.open()
    assert isinstance(rows, np.memmap)
    assert (rows == ROWS).all()
    assert not rows.flags.writeable
    assert (store.shape, store.dtype) == ((10, 2), "float32")


def test_store_says_what_made_it_and_keeps_no_shards(store: FeatureStore) -> None:
    index = json.loads((store.folder / "index.json").read_text())
    assert index["key"]["application"] == "ResNet50V2"
    assert index["backbone"] == "resnet50_v2"
    assert sorted(path.name for path in store.folder.iterdir()) == ["features.npy", "index.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"application": "ResNet50"},
        {"weights_digest": "other"},
        {"input_px": 225},
        {"preprocessing": "other"},
        {"images_digest": "other"},
    ],
    ids=str,
)
def test_key_depends_on(key: FeatureKey, change: dict[str, object]) -> None:
    assert dataclasses.replace(key, **change).name != key.name


def test_key_of_float32_is_that_of_before_precisions_and_bfloat16_has_its_own(key: FeatureKey) -> None:
    assert key.name == "22222fb5bffb01614130d9b1d3eb509f"
    assert make_key(BACKBONE, "weights", DIGESTS, "bfloat16").name != key.name
    assert make_key(find_backbone("hassner"), "", DIGESTS, "bfloat16").precision == "float32"


def test_key_of_average_pooling_is_that_of_before_poolings_and_others_have_their_own(key: FeatureKey) -> None:
    assert key.application == BACKBONE.application
    pooled = make_key(replace(BACKBONE, pooling="max"), "weights", DIGESTS)
    assert pooled.application == f"{BACKBONE.application}, pooling max"


def test_key_depends_on_the_order_of_the_images(key: FeatureKey) -> None:
    assert make_key(BACKBONE, "weights", DIGESTS[::-1]).name != key.name


def test_key_is_unknown_until_the_weights_were_built_once(tmp_path: Path, key: FeatureKey) -> None:
    assert feature_key(tmp_path, BACKBONE, "none", DIGESTS) is None
    remember_weights(tmp_path, BACKBONE, "none", "weights")
    assert feature_key(tmp_path, BACKBONE, "none", DIGESTS) == key


def test_key_of_pixels_needs_no_weights(tmp_path: Path) -> None:
    key = feature_key(tmp_path, find_backbone("hassner"), "none", DIGESTS)
    assert key is not None
    assert (key.dtype, key.weights_digest) == ("uint8", "")


def test_find_features(tmp_path: Path, store: FeatureStore) -> None:
    assert find_features(tmp_path, BACKBONE, "none", DIGESTS) is None
    remember_weights(tmp_path, BACKBONE, "none", "weights")
    assert find_features(tmp_path, BACKBONE, "none", DIGESTS) == store
    assert find_features(tmp_path, BACKBONE, "none", DIGESTS[:5]) is None


def test_open_features_without_any(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be opened .* run again to make them"):
        open_features(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"\0" * 8])
def test_damaged_rows_are_told_and_not_used(store: FeatureStore, damage: bytes) -> None:
    path = store.folder / "features.npy"
    path.write_bytes(path.read_bytes()[: -len(damage) or 5] + damage)
    with pytest.warns(DamagedCacheWarning, match="damaged and made again"):
        assert read_store(store.folder) is None


def test_damaged_index_is_told_and_not_used(store: FeatureStore) -> None:
    (store.folder / "index.json").write_text("{")
    with pytest.warns(DamagedCacheWarning, match="damaged"):
        assert read_store(store.folder) is None


def test_missing_rows_are_what_no_shard_holds(tmp_path: Path) -> None:
    write_shard(tmp_path, range(3, 5), ROWS[3:5])
    assert missing_rows(tmp_path, 10, 4) == [range(0, 3), range(5, 9), range(9, 10)]


def test_damaged_shard_is_missing(tmp_path: Path) -> None:
    write_shard(tmp_path, range(0, 10), ROWS)
    (shard,) = (tmp_path / "shards").iterdir()
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.warns(DamagedCacheWarning, match="shards"):
        assert missing_rows(tmp_path, 10, 10) == [range(0, 10)]


def test_unfinished_shard_is_missing(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "0.part").write_bytes(b"half")
    assert missing_rows(tmp_path, 10, 10) == [range(0, 10)]


def test_progress_of_counts_finished_rows(tmp_path: Path, key: FeatureKey) -> None:
    assert progress_of(tmp_path, key) == (0, 10)
    key.folder(tmp_path).mkdir(parents=True)
    write_shard(key.folder(tmp_path), range(0, 4), ROWS[:4])
    assert progress_of(tmp_path, key) == (4, 10)
    write_shard(key.folder(tmp_path), range(4, 10), ROWS[4:])
    join_shards(key.folder(tmp_path), key, {})
    assert progress_of(tmp_path, key) == (10, 10)


def test_cache_that_went_away_is_not_made_again(tmp_path: Path, key: FeatureKey) -> None:
    with pytest.raises(StorageError, match=r"\(No such file or directory\); make room there") as told:
        write_shard(key.folder(tmp_path), range(0, 10), ROWS)
    assert told.value.errno == errno.ENOENT
    assert list(tmp_path.iterdir()) == []


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written in .* make room there or name another folder"):
        write_shard(tmp_path / "file", range(0, 10), ROWS)


HOLD = """
import sys, time
from pathlib import Path
from trainables.features.cache import exclusive
with exclusive(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_exclusive_says_that_it_waits_and_outlives_a_killed_holder(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []

        def say(message: str) -> None:
            said.append(message)
            holder.send_signal(signal.SIGKILL)

        with exclusive(tmp_path, say):
            assert len(said) == 1
            assert said[0].startswith("another process is making the features")


def test_key_has_how_pictures_are_read_where_that_is_not_the_usual_way() -> None:
    ways = [Reading(), Reading("nearest"), Reading(deep_greys=True), Reading("nearest", deep_greys=True)]
    rows = [find_rows(rows_of_pictures("resnet50_v2", way)) for way in ways]
    keys = [make_key(each, "weights", DIGESTS) for each in rows]
    assert len({key.name for key in keys}) == len(ways)
    assert keys[0].preprocessing.startswith("pillow, bilinear, revision 1; ")  # as it has always been
