"""Memory that runs out under Tune itself: what waits is put aside, and what is running goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

from search.callbacks.callback import Callback
from search.ray_tune.collector import Collector, assignment_of
from search.ray_tune.failures.door import with_watchers
from search.ray_tune.policy import Policy
from search.ray_tune.searchers import Listed
from tests.search.makers import make_problem
from trainables.trial import TrialConfig

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_what_waits_is_put_aside_and_comes_back_with_half_as_many_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "200")  # as a driver lets a list wait
    problem = make_problem(tmp_path)
    trials = [problem.trial(TrialConfig(epochs=1, seed=seed), "random") for seed in range(6)]
    first, failed, begun = trials[0].key, tmp_path / "failed", tmp_path / "begun"
    begun.mkdir()

    def train(config: dict[str, Any]) -> None:  # in here, as workers cannot import this module
        if config.get("aside"):
            tune.report({"aside": True, "done": True})
            return
        (begun / config["trial"]["key"]).touch()
        while len(list(begun.iterdir())) < 2:
            time.sleep(0.1)
        if config["trial"]["key"] == first and not failed.exists():
            failed.touch()
            raise RuntimeError("OutOfMemoryError")
        while not failed.exists():
            time.sleep(0.1)
        time.sleep(5.0)  # until the driver has heard of it
        end = {"all_epochs": [], "status": "COMPLETED", "reason": "", "trial_seconds": 6.0, "made_by": {}}
        tune.report({**end, "done": True})

    collector = Collector(problem, lambda *_: None, Callback(), Policy(), lambda *_: None, lists=True)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                reuse_actors=True,
                search_alg=Listed("trial", [assignment_of(trial) for trial in trials]),
                num_samples=-1,
            ),
            run_config=tune.RunConfig(
                storage_path=str(tmp_path / "tune"),
                verbose=0,
                **with_watchers(collector, tmp_path, lambda *_: None),
                failure_config=tune.FailureConfig(max_failures=1),
            ),
        ).fit()
    finally:
        ray.shutdown()
    aside, fewer = collector.take_aside()
    assert fewer == 1
    assert first in {config["trial"]["key"] for config in aside}
    assert not any("aside" in config for config in aside)
    left = {config["trial"]["key"] for config in aside}
    assert left | collector.results.keys() == {trial.key for trial in trials}
    assert not left & collector.results.keys()
    assert len(left) >= 3
