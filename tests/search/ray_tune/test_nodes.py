"""The nodes of a running Ray: two of one CPU each, on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import ray
from ray.cluster_utils import Cluster

from data_prep.errors import InputError
from search.ray_tune.gpus import require_gpus
from search.ray_tune.nodes import ask, nodes_alive, prepare_nodes, require_room, wait_for_room
from search.ray_tune.packs import early_stopping_of
from search.ray_tune.policy import Policy
from search.ray_tune.preflight import Errand, Share
from search.ray_tune.schedulers import make_scheduler
from tests.waiting import PATIENCE_S, wait_until
from trainables.backends import installed_backend
from trainables.objective import OBJECTIVE
from trainables.worker import see_only_what_was_asked_for

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head and another node."""
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    started.add_node(num_cpus=1, num_gpus=1, resources={"accelerator_type:T4": 1})
    ray.init(address=started.address, log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


@pytest.mark.usefixtures("cluster")
def test_prepare_nodes_says_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_nodes(Errand.of({"storage": tmp_path / "new"}, [], "tensorflow"))
    printed = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[-1] for line in printed[:2]] in (
        ["1 CPU, 0 GPUs", "1 CPU, 1 GPU"],
        ["1 CPU, 1 GPU", "1 CPU, 0 GPUs"],
    )
    assert printed[2] == "cluster   2 nodes, 2 CPUs, 1 GPU"


@pytest.mark.usefixtures("cluster")
def test_gpu_that_keras_does_not_see_is_refused() -> None:
    backend = installed_backend("auto")
    words = rf"Keras on {backend} sees no GPU on .*, where Ray counts 1; install CUDA's .* --gpus-per-trial$"
    with pytest.raises(InputError, match=words):
        require_gpus(backend, Share(1, 0.5))


def seen(gpus: float) -> str | None:
    """Returns which GPUs a task with so many of them sees on the node that has one."""

    def look() -> str | None:
        see_only_what_was_asked_for()
        return os.environ.get("CUDA_VISIBLE_DEVICES")

    (node,) = (node for node in nodes_alive() if node.gpus)
    return cast("str | None", ray.get(ask(node, look, gpus=gpus)))


@pytest.mark.usefixtures("cluster")
def test_task_that_asks_for_no_gpu_sees_none() -> None:
    assert (seen(1.0), seen(0.0)) == ("0", "")


@pytest.mark.usefixtures("cluster")
def test_actor_that_stops_members_of_packs_is_where_the_driver_is() -> None:
    policy = Policy(scheduler=make_scheduler("asha", OBJECTIVE, 9))
    actors = [early_stopping_of(policy) for _ in range(4)]
    where = [actor.__ray_call__.remote(lambda _: ray.get_runtime_context().get_node_id()) for actor in actors]
    assert set(ray.get(where)) == {ray.get_runtime_context().get_node_id()}


@pytest.mark.usefixtures("cluster")
def test_prepare_nodes_asks_every_node_for_the_data(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not have the image /nowhere/1\.jpg"):
        prepare_nodes(Errand.of({"storage": tmp_path}, [Path("/nowhere/1.jpg")], "tensorflow"))


@pytest.mark.usefixtures("cluster")
def test_require_room_says_what_the_largest_node_has() -> None:
    require_room(Share(1, 0.5))
    with pytest.raises(
        InputError, match="asks for 4 CPUs and 0 GPUs, the largest of 2 nodes has 1 and 1; lower"
    ):
        require_room(Share(4))


@pytest.mark.usefixtures("cluster")
def test_kind_of_gpu_that_no_node_has_is_refused_with_those_that_are_there() -> None:
    require_room(Share(1, 0.5, "T4"))
    said = (
        "asks for 1 CPUs and 0.5 GPUs of kind A100, no node has that kind, there are: T4; .* --accelerator$"
    )
    with pytest.raises(InputError, match=said):
        require_room(Share(1, 0.5, "A100"))


@pytest.mark.usefixtures("cluster")
def test_task_that_wants_a_kind_of_gpu_runs_where_that_is() -> None:
    share = Share(0, 0.25, "T4")
    where = ray.remote(num_cpus=0, num_gpus=share.gpus, resources=share.kind)(
        lambda: ray.get_runtime_context().get_node_id()
    )
    assert [ray.get(where.remote())] == [node.node_id for node in nodes_alive() if share.fits(node)]


@pytest.mark.usefixtures("cluster")
def test_wait_for_room_says_what_is_being_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        InputError, match=r"a node with 4 CPUs and 1 GPUs did not start within 3 s \(the largest"
    ):
        wait_for_room(Share(4, 1), 3)
    assert re.fullmatch(
        r"waiting   for a node with 4 CPUs and 1 GPUs, \d of 3 s: the largest of 2 nodes has 1 and 1\n",
        capsys.readouterr().err,
    )


def test_wait_for_room_ends_when_a_node_comes(cluster: Cluster) -> None:
    other = cluster.add_node(num_cpus=4)
    try:
        wait_for_room(Share(4), PATIENCE_S)
        assert max(node.cpus for node in nodes_alive()) == 4
    finally:
        cluster.remove_node(other)
        wait_until(lambda: len(nodes_alive()) == 2, "the node is gone")
