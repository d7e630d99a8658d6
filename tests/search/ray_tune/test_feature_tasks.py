"""Extraction on Ray: slots on nodes, shares of rows, and the same rows whoever makes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from PIL import Image
from ray.cluster_utils import Cluster

from data_prep.errors import InputError
from data_prep.manifest import Manifest
from search.ray_tune import feature_tasks
from search.ray_tune.feature_tasks import Slot, make_rows, shares_of, slots_for
from search.ray_tune.preflight import Share
from search.study.setup import Problem
from tests.search.makers import make_manifest
from trainables import backend_speed
from trainables.backbones.table import find_backbone
from trainables.backend_speed import Work, faster_backend
from trainables.features.cache import feature_key, write_shard
from trainables.features.extraction import extract

SMALL = "keras:MobileNetV2"


def node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("gpus", "slots"),
    [
        (0.0, [Slot("b", 8, 0.0), Slot("a", 4, 0.0)]),
        (0.25, [Slot("b", 4, 1.0), Slot("b", 4, 1.0)]),
        (2.0, [Slot("b", 8, 2.0)]),
    ],
)
def test_slots_are_one_a_node_or_one_a_gpu(gpus: float, slots: list[Slot]) -> None:
    nodes = [node("a", CPU=4), node("b", CPU=8, GPU=2), node("c", alive=False, CPU=16), node("d", GPU=0)]
    assert slots_for(nodes, gpus) == slots


def test_shares_are_dealt_out_and_never_empty() -> None:
    shards = [range(0, 4), range(4, 8), range(8, 10)]
    assert shares_of(shards, 2) == [[range(0, 4), range(8, 10)], [range(4, 8)]]
    assert shares_of(shards, 5) == [[shard] for shard in shards]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes of one CPU each."""
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    started.add_node(num_cpus=1)
    ray.init(address=started.address, log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


def problem_of(folder: Path, images: int) -> Problem:
    """Returns the problem of that many small photographs."""
    manifest = make_manifest(folder, subjects=images, photos=1)
    rng = np.random.default_rng(0)
    for path in manifest.image_paths():
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in manifest.image_paths()]
    manifest = Manifest.of(manifest.table, folder, digests, class_names=manifest.class_names)
    return Problem.of(manifest, "random", "none", "tensorflow")


def alone(name: str, problem: Problem, cache: Path) -> np.ndarray:
    """Returns the rows that this process makes."""
    paths = [str(path) for path in problem.manifest.image_paths()]
    return extract(paths, problem.manifest.image_digests, name, "none", cache).open()


@pytest.mark.ray
def test_nodes_write_shares_of_the_rows_and_keep_what_is_there(cluster: Cluster, tmp_path: Path) -> None:
    problem = problem_of(tmp_path, 300)
    key = feature_key(tmp_path / "cache", find_backbone("hassner"), "none", problem.manifest.image_digests)
    assert key is not None
    key.folder(tmp_path / "cache").mkdir(parents=True)
    write_shard(key.folder(tmp_path / "cache"), range(128, 256), np.full((128, 227, 227, 3), 7, np.uint8))
    assert len(slots_for(ray.nodes(), 0)) == 2
    rows = np.load(
        make_rows("hassner", problem, tmp_path / "cache", Share(1)) / "features.npy", mmap_mode="r"
    )
    expected = alone("hassner", problem, tmp_path / "other")
    assert (rows[128:256] == 7).all()
    assert (rows[:128] == expected[:128]).all()
    assert (rows[256:] == expected[256:]).all()


@pytest.mark.ray
@pytest.mark.slow
def test_nodes_make_features_of_weights_that_nobody_knew(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = replace(problem_of(tmp_path, 130), feature_precision="bfloat16")
    made = make_rows("keras:MobileNetV2", problem, tmp_path / "cache", Share(1))
    assert (
        "keras:MobileNetV2 (random weights, features in bfloat16): 130/130 images" in capsys.readouterr().err
    )
    assert np.load(made / "features.npy").shape == (130, 1280)
    assert make_rows("keras:MobileNetV2", problem, tmp_path / "cache", Share(1)) == made
    assert json.loads((made / "index.json").read_text())["key"]["precision"] == "bfloat16"


@pytest.mark.ray
@pytest.mark.slow
def test_nodes_make_features_on_the_backend_that_was_faster(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, cache, name = problem_of(tmp_path, 130), tmp_path / "cache", "keras:MobileNetV2@32"
    measured = Work(backbone=name, images=10**9, cpus=1)
    monkeypatch.setattr(feature_tasks, "work_on", lambda rows, *_: measured if rows.name == name else None)
    seconds = {"tensorflow": 0.1, "jax": 0.01}
    monkeypatch.setattr(backend_speed, "_seconds_of", lambda backend, work: seconds[backend])
    assert faster_backend(measured, "tensorflow", cache) == "jax"
    made = [make_rows(each, problem, cache, Share(1)) for each in (name, "keras:MobileNet@32")]
    backends = [json.loads((folder / "index.json").read_text())["keras_backend"] for folder in made]
    assert backends == ["jax", "tensorflow"]


@pytest.mark.ray
def test_unreadable_image_is_told_by_its_name(cluster: Cluster, tmp_path: Path) -> None:
    problem = problem_of(tmp_path, 300)
    (tmp_path / "299.jpg").unlink()
    with pytest.raises(InputError, match=r"299\.jpg"):
        make_rows("hassner", problem, tmp_path / "cache", Share(1))
