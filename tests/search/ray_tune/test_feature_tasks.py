"""Extraction on Ray: slots on nodes, shares of rows, and the same rows whoever makes them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
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
from search.options.run_groups import MachineOptions
from search.ray_tune import feature_tasks
from search.ray_tune.feature_tasks import SHARE_SHARDS, Slot, make_rows, share_size, slots_for
from search.ray_tune.worker_data import Places
from search.study.setup import Problem
from tests.search.makers import make_manifest
from trainables import backend_speed, errands
from trainables.backbones.table import find_backbone
from trainables.backend_speed import Work, faster_backend
from trainables.features.cache import feature_key, write_shard
from trainables.features.extraction import extract

SMALL = "keras:MobileNetV2"


def node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": name, "NodeName": "10.0.0.1", "Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("gpus", "slots"),
    [
        (0.0, [("b", 8, 0.0), ("a", 4, 0.0)]),
        (0.25, [("b", 4, 1.0), ("b", 4, 1.0)]),
        (2.0, [("b", 8, 2.0)]),
    ],
)
def test_slots_are_one_a_node_or_one_a_gpu(gpus: float, slots: list[tuple[str, int, float]]) -> None:
    nodes = [node("a", CPU=4), node("b", CPU=8, GPU=2), node("c", alive=False, CPU=16), node("d", GPU=0)]
    assert slots_for(nodes, gpus) == [Slot(*slot, f"10.0.0.1 ({slot[0]})") for slot in slots]


@pytest.mark.parametrize(
    ("cpus", "there", "gpus", "slots"),
    [
        (16, 1, 0.25, [(8, 0.5)] * 2),
        (15, 1, 1.0, [(15, 1.0)]),
        (200, 2, 1.0, [(25, 0.25)] * 8),
        (64, 2, 2.0, [(64, 2.0)]),
        (16, 0, 0.0, [(16, 0.0)]),
    ],
)
def test_gpu_with_many_cores_beside_it_is_shared_by_several_processes(
    cpus: int, there: int, gpus: float, slots: list[tuple[int, float]]
) -> None:
    found = slots_for([node("a", CPU=cpus, GPU=there)], gpus)
    assert [(slot.cpus, slot.gpus) for slot in found] == slots


def test_shares_are_bounded_and_fewer_towards_the_end() -> None:
    assert [share_size(shards, 2) for shards in (1000, 63, 12, 4, 1)] == [SHARE_SHARDS, 7, 1, 1, 1]


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


def places(cache: Path, **machine: Any) -> Places:
    """Returns the places of a search with a cache there, on the machines of these options."""
    return Places(cache, cache / "checkpoints", MachineOptions(cpus_per_trial=1, **machine))


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
    rows = np.load(make_rows("hassner", problem, places(tmp_path / "cache")) / "features.npy", mmap_mode="r")
    expected = alone("hassner", problem, tmp_path / "other")
    assert (rows[128:256] == 7).all()
    assert (rows[:128] == expected[:128]).all()
    assert (rows[256:] == expected[256:]).all()


class DiesOnce(errands.Extractor):
    """Extractor that dies at the first share that any of them gets."""

    def make(self, share: Sequence[range]) -> int:
        marker = Path(self._arguments[4]) / "died"
        if not marker.exists():
            marker.touch()
            os._exit(1)
        return super().make(share)


@pytest.mark.ray
def test_share_of_a_worker_that_died_is_made_again(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "Extractor", DiesOnce)
    problem, cache = problem_of(tmp_path, 300), tmp_path / "cache"
    made = make_rows("hassner", problem, places(cache))
    assert (cache / "died").exists()
    assert (np.load(made / "features.npy") == alone("hassner", problem, tmp_path / "other")).all()
    assert sum(json.loads((made / "index.json").read_text())["made_on"].values()) == 300


class Dies(errands.Extractor):
    """Extractor that dies at every share."""

    def make(self, share: Sequence[range]) -> int:
        os._exit(1)


@pytest.mark.ray
@pytest.mark.slow
def test_workers_that_die_at_every_share_are_told(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "Extractor", Dies)
    with pytest.raises(InputError, match="a worker died during its task"):
        make_rows("hassner", problem_of(tmp_path, 300), places(tmp_path / "cache"))


@pytest.mark.ray
def test_node_that_comes_later_makes_what_is_left(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, cache, looked, late = problem_of(tmp_path, 300), tmp_path / "cache", [], []
    there = [ray.remote(num_cpus=1)(Occupant).remote() for _ in range(2)]
    ray.get([each.answer.remote() for each in there])  # no place is left for any work

    def slots_for_later(nodes: Sequence[Mapping[str, Any]], gpus: float) -> list[Slot]:
        looked.append(len(nodes))
        if len(looked) == 3:  # workers have been begun where there is no place
            late.append(cluster.add_node(num_cpus=1, node_name="late"))
        return slots_for(nodes, gpus)

    monkeypatch.setattr(feature_tasks, "slots_for", slots_for_later)
    made = make_rows("hassner", problem, places(cache))
    cluster.remove_node(*late)
    for each in there:
        ray.kill(each)
    assert (np.load(made / "features.npy") == alone("hassner", problem, tmp_path / "other")).all()
    assert json.loads((made / "index.json").read_text())["made_on"] == {f"late ({late[0].node_id[-8:]})": 300}


class Occupant:
    """Takes the place of other work."""

    def answer(self) -> None:
        """Returns as soon as it has its place."""


@pytest.mark.ray
@pytest.mark.slow
def test_nodes_make_features_of_weights_that_nobody_knew(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = replace(problem_of(tmp_path, 130), feature_precision="bfloat16")
    made = make_rows("keras:MobileNetV2", problem, places(tmp_path / "cache"))
    assert (
        "keras:MobileNetV2 (random weights, features in bfloat16): 130/130 images" in capsys.readouterr().err
    )
    assert np.load(made / "features.npy").shape == (130, 1280)
    assert make_rows("keras:MobileNetV2", problem, places(tmp_path / "cache")) == made
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
    made = [make_rows(each, problem, places(cache)) for each in (name, "keras:MobileNet@32")]
    backends = [json.loads((folder / "index.json").read_text())["keras_backend"] for folder in made]
    assert backends == ["jax", "tensorflow"]


@pytest.mark.ray
def test_unreadable_image_is_told_by_its_name(cluster: Cluster, tmp_path: Path) -> None:
    problem = problem_of(tmp_path, 300)
    (tmp_path / "299.jpg").unlink()
    with pytest.raises(InputError, match=r"299\.jpg"):
        make_rows("hassner", problem, places(tmp_path / "cache"))
