"""Trials whose machine goes away, and trials whose process dies: only the second counts as a failure."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune
from ray.cluster_utils import Cluster

from search.ray_tune.failures.lost_nodes import LostNodes
from tests.waiting import wait_until

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head that trains nothing, and a node that does."""
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    started.add_node(num_cpus=1)
    ray.init(address=started.address, log_to_driver=False)
    try:
        # in its first moments Ray may give up an actor before it ran, which would count as a failure
        wait_until(runs_an_actor, "Ray runs an actor")
        yield started
    finally:
        ray.shutdown()
        started.shutdown()


def runs_an_actor() -> bool:
    """Whether a process of Ray's can be started and answers."""

    class Echo:
        def say(self) -> bool:
            return True

    actor = ray.remote(num_cpus=1)(Echo).remote()  # it lives as long as this name
    try:
        return bool(ray.get(actor.say.remote(), timeout=60))
    except ray.exceptions.RayError:
        return False


class Harms(tune.Callback):  # type: ignore[misc]
    """Does harm at the second report, each time the trial starts, so often."""

    def __init__(self, harm: Callable[[int], None], times: int) -> None:
        self.harm, self.left = harm, times

    def __getstate__(self) -> dict[str, Any]:
        return {"harm": None, "left": 0}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if result["report"] == 1 and self.left:
            self.left -= 1
            self.harm(result["pid"])


def train(folder: Path, harm: Callable[[int], None], times: int) -> Any:
    """Returns how a trial of five reports ended that may fail once, and was harmed so often."""

    def count(config: dict[str, Any]) -> None:  # in here, as workers cannot import this module
        for number in range(5):
            tune.report({"report": number})
            time.sleep(0.2)

    results = tune.Tuner(
        tune.with_resources(count, {"cpu": 1}),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            verbose=0,
            callbacks=[Harms(harm, times), LostNodes()],
            failure_config=tune.FailureConfig(max_failures=1),
        ),
    ).fit()
    return results[0]


def alive() -> int:
    """Returns the number of nodes that Ray takes for alive, the head among them."""
    return sum(node["Alive"] for node in ray.nodes())


def test_lost_machines_do_not_count(cluster: Cluster, tmp_path: Path) -> None:
    def lose_the_machine(pid: int) -> None:
        # one at a time: three machines within the seconds that Ray takes to notice are three failures
        wait_until(lambda: alive() == 2, "Ray knows of the machine that was lost before", seconds=60)
        (worker,) = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
        cluster.remove_node(worker, allow_graceful=False)
        cluster.add_node(num_cpus=1)

    result = train(tmp_path, lose_the_machine, 3)
    assert (result.error, result.metrics["report"]) == (None, 4)


@pytest.mark.usefixtures("cluster")
def test_processes_that_die_do_count(tmp_path: Path) -> None:
    result = train(tmp_path, lambda pid: os.kill(pid, signal.SIGKILL), 3)
    assert "The actor died unexpectedly" in str(result.error)
