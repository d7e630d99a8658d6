"""The audit with features that a search has left in the cache."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_prep.build import main as build
from data_prep.manifest import read_manifest
from search.audit.__main__ import main
from tests.pictures import blobs
from trainables.backbones.table import find_backbone
from trainables.features.cache import join_shards, make_key, remember_weights, write_shard

Capture = pytest.CaptureFixture[str]
SWAPPED = "dog/0.png"


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """The manifest of 30 cats and 30 dogs, one of which is a cat."""
    for number in range(60):
        path = tmp_path / "pets" / ("cat", "dog")[number % 2 or number == 0] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        blobs(seed=number).save(path)
    out = tmp_path / "pets.parquet"
    assert build(["folder", "--root", str(tmp_path / "pets"), "--out", str(out)]) == 0
    return out


@pytest.fixture
def cache(tmp_path: Path, pets: Path) -> Path:
    """A cache with features of the pets that tell cats from dogs, under the name of ResNet50V2."""
    manifest, backbone = read_manifest(pets), find_backbone("resnet50_v2")
    is_dog = np.array([int(Path(path).stem) % 2 for path in manifest.table["path"]])
    rows = np.random.default_rng(0).normal(size=(60, 40)).astype(np.float32)
    rows[:, :20] += 3 * is_dog[:, None]
    remember_weights(tmp_path / "cache", backbone, "imagenet", "0" * 32)
    key = make_key(backbone, "0" * 32, manifest.image_digests)
    folder = key.folder(tmp_path / "cache")
    folder.mkdir(parents=True)
    write_shard(folder, range(60), rows)
    join_shards(folder, key, {})
    return tmp_path / "cache"


@pytest.mark.parametrize("asked", [[], ["--backbone", "resnet50_v2"]], ids=["any backbone", "this backbone"])
def test_features_of_the_cache_name_the_wrong_label(
    pets: Path, cache: Path, capsys: Capture, asked: list[str]
) -> None:
    assert main([str(pets), "--cache", str(cache), "--json", *asked]) == 0
    found = {finding["kind"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert found["suspects"]["groups"][0]["pictures"][0]["path"] == SWAPPED
    assert found["near_features"]["sentence"] == "none"


def test_without_features_the_rest_is_told(pets: Path, tmp_path: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert main([str(pets), "--cache", str(tmp_path / "empty")]) == 0
    said = capsys.readouterr()
    assert "so wrong labels were not looked for; --backbone NAME computes features" in said.err
    assert "suspects" not in said.out
    assert "  equal files: none" in said.out


@pytest.mark.parametrize(
    ("backbone", "code", "said"),
    [
        ("hassner", 1, "needs the features of a frozen backbone, hassner has none"),
        ("vgg", 2, "a backbone is one of"),
    ],
)
def test_backbone_without_features_is_refused(
    pets: Path, capsys: Capture, backbone: str, code: int, said: str
) -> None:
    assert main([str(pets), "--backbone", backbone]) == code
    assert said in capsys.readouterr().err
