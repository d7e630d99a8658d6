"""A node that joins while trials are trained, and has other versions than the driver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import draw_sample
from data_prep.manifest import read_manifest
from search.callbacks.callback import Callback
from search.options.run_groups import MachineOptions
from search.ray_tune.driver import Driver
from search.ray_tune.failures.door import REFUSALS
from search.ray_tune.policy import Policy
from search.study.ledger import Ledger
from search.study.setup import Problem
from tests.waiting import wait_until
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialStatus

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PLACES = 2


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head that trains one trial at a time."""
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield started
    started.shutdown()


class Joins(Callback):
    """Adds a node with another Keras after the first epoch; notes why trials begin again."""

    def __init__(self, cluster: Cluster, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.again: list[str] = []
        self._cluster, self._packages, self._monkeypatch = cluster, packages, monkeypatch

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Adds the node, once."""
        if len(self._cluster.list_all_nodes()) == 1:
            other = self._packages / "keras-3.0.0.dist-info"
            other.mkdir(parents=True)
            (other / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.0.0\n")
            self._monkeypatch.setenv("PYTHONPATH", str(self._packages))
            self._cluster.add_node(num_cpus=PLACES)

    def trial_begins_again(self, trial: Trial, why: str) -> None:
        """Notes why."""
        self.again.append(why)


def test_node_that_joins_with_another_version_is_kept_from_trials(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_sample(tmp_path / "sample", photos=60, celeba_photos=20)
    build_manifest(load_adience(tmp_path / "sample" / "adience"), tmp_path / "faces.parquet")
    problem = Problem.of(read_manifest(tmp_path / "faces.parquet"), "random", "none", "auto")
    config = TrialConfig(backbone="keras:MobileNetV2@32", hidden_units=(8,), epochs=500)
    trials = [problem.trial(replace(config, seed=seed), "random") for seed in range(6)]
    machine = MachineOptions(address=cluster.address, cpus_per_trial=1)
    joins = Joins(cluster, tmp_path / "packages", monkeypatch)
    places = tmp_path / "cache", tmp_path / "study" / "checkpoints"
    with Driver(problem, *places, machine, Ledger(tmp_path / "study").record) as driver:
        results = driver.train(trials, joins, Policy())
        wait_until(lambda: driver.cluster()["CPUs in use"] == "2 of 3", "the head is free again")
    assert {result.status for result in results.values()} == {TrialStatus.COMPLETED}
    assert len(results) == len(trials)
    assert 1 <= len(joins.again) <= PLACES * REFUSALS
    assert all("has Keras 3.0.0" in why for why in joins.again)
