"""The driver with real workers of Ray, on small features that the test puts into the cache."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import draw_sample
from data_prep.errors import InputError
from data_prep.manifest import read_manifest
from search.callbacks.callback import Callback
from search.options.run_groups import MachineOptions
from search.ray_tune.collector import assignment_of
from search.ray_tune.driver import Driver
from search.ray_tune.policy import Policy
from search.ray_tune.schedulers import make_population_scheduler, make_scheduler
from search.ray_tune.searchers import KnowingSearcher
from search.ray_tune.worker_data import data_of_workers
from search.space.joint_space import POPULATION_RANGES
from search.study.ledger import Ledger
from search.study.setup import Problem
from tests.search.processes import kill_training
from tests.waiting import SEARCH_S
from trainables import pack_worker
from trainables.hyperparameters import Range
from trainables.objective import Objective
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus
from trainables.versions import versions_here
from trainables.worker import WorkerData

pytestmark = pytest.mark.ray

ROOT = Path(__file__).parents[3]
CONFIG = TrialConfig(backbone="keras:MobileNetV2", hidden_units=(32, 16), epochs=6)


class Silent(Callback):
    """Notes what it is told; `on_epoch` may act."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Notes the epoch."""
        self.epochs.append(metrics.epoch)


class Told(Callback):
    """Notes which trials ended, and why others begin again."""

    def __init__(self) -> None:
        self.ended: list[TrialResult] = []
        self.again: list[str] = []

    def trial_begins_again(self, trial: Trial, why: str) -> None:
        """Notes why."""
        self.again.append(why)

    def trial_ended(self, result: TrialResult) -> None:
        """Notes the end."""
        self.ended.append(result)


class KillsAWorker(Silent):
    """Kills the process that trains, once, after the second epoch."""

    killed = False

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        super().epoch_ended(trial, metrics)
        if metrics.epoch == 2 and not self.killed:
            self.killed = True
            kill_training(os.getpid())


class KillsBetweenTrials(Silent):
    """Kills the process that trains, once, as soon as its first trial has ended."""

    killed = False

    def trial_ended(self, result: TrialResult) -> None:
        """Kills it before it is told what comes next."""
        if not self.killed:
            self.killed = True
            kill_training(os.getpid())


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the manifest of 60 drawn faces, and a cache that the tests share."""
    folder = tmp_path_factory.mktemp("workplace")
    draw_sample(folder / "sample", photos=60, celeba_photos=20)
    build_manifest(load_adience(folder / "sample" / "adience"), folder / "faces.parquet")
    return folder


@pytest.fixture(scope="module")
def problem(workplace: Path) -> Problem:
    return Problem.of(read_manifest(workplace / "faces.parquet"), "random", "none", "auto")


@pytest.fixture(scope="module")
def driver(workplace: Path, problem: Problem) -> Iterator[Driver]:
    """One Ray for all tests of this module; a driver does not look into the ledger, so every test trains."""
    record = Ledger(workplace / "kept").record
    with Driver(problem, workplace / "cache", workplace / "checkpoints", MachineOptions(), record) as driver:
        yield driver


def figures(result: TrialResult) -> list[tuple[float, float, float]]:
    return [(metrics.loss, metrics.val_loss, metrics.val_accuracy) for metrics in result.epochs]


@pytest.mark.slow
def test_refusal_of_the_only_node_ends_the_search_with_what_it_says(
    problem: Problem, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_another_version(*arguments: Any, **named: Any) -> WorkerData:
        versions = {**versions_here(problem.keras_backend), "Keras": "2.0"}
        return replace(data_of_workers(*arguments, **named), versions=versions)

    monkeypatch.setattr("search.ray_tune.driver.data_of_workers", of_another_version)
    trials = [problem.trial(replace(CONFIG, seed=seed), "random") for seed in range(4)]
    told = Told()
    with pytest.raises(InputError, match=r"^node .+ has Keras 3\..+, the driver's has 2\.0; .* again to"):
        driver.of(problem).train(trials, told, Policy())
    assert (told.ended, told.again) == ([], [])


@pytest.mark.slow  # that a network used again trains as a new one is also tested without Ray
def test_trial_in_a_reused_worker_equals_that_in_a_fresh_one(problem: Problem, driver: Driver) -> None:
    dropout = problem.trial(replace(CONFIG, dropout=0.3), "random")
    others = [problem.trial(replace(CONFIG, dropout=rate), "random") for rate in (0.5, 0.1)]
    fresh = driver.train([dropout], Silent(), Policy())[dropout.key]
    reused = driver.train([*others, dropout], Silent(), Policy())[dropout.key]
    assert figures(reused) == figures(fresh)
    assert len(fresh.epochs) == CONFIG.epochs


def test_features_are_made_without_a_trial(workplace: Path, problem: Problem, driver: Driver) -> None:
    driver.make_features("keras:MobileNetV2@32")
    assert problem.has_rows("keras:MobileNetV2@32", workplace / "cache")


class Together(Silent):
    """Notes the most trials that were in training at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.running: set[str] = set()
        self.most = 0

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """A trial with an epoch behind it and others before it trains."""
        if metrics.epoch < trial.config.epochs:
            self.running.add(trial.key)
        self.most = max(self.most, len(self.running))

    def trial_ended(self, result: TrialResult) -> None:
        """A trial no longer trains."""
        self.running.discard(result.trial.key)


@pytest.mark.parametrize(
    "asked",
    [pytest.param(False, id="listed"), pytest.param(True, id="suggested")],
)
@pytest.mark.slow
def test_trials_train_side_by_side_where_there_is_room(
    workplace: Path, problem: Problem, driver: Driver, asked: bool
) -> None:
    driver._connect()
    if ray.cluster_resources()["CPU"] < 2:
        pytest.skip("there is room for one")
    pair = Driver(
        problem,
        workplace / "cache",
        workplace / "pair",
        MachineOptions(cpus_per_trial=1),
        lambda *_: None,
        connected=True,
    )
    trials = [problem.trial(replace(CONFIG, seed=seed, epochs=20), "random") for seed in range(6)]
    callback, left = Together(), list(trials)
    if asked:
        searcher = KnowingSearcher(
            {"learning_rate": Range(1e-4, 1e-2)},
            Objective(),
            7,
            lambda values: assignment_of(left.pop(0)),
            lambda: not left,
        )
        results = pair.search(searcher, CONFIG, callback, Policy())
    else:
        results = pair.train(trials, callback, Policy())
    assert len(results) == 6
    assert callback.most >= 2


def test_diverging_trial_leaves_the_others_alone(problem: Problem, driver: Driver) -> None:
    diverging = problem.trial(replace(CONFIG, l2=1e38), "random")
    sound = problem.trial(replace(CONFIG, l2=1e-4), "random")
    results = driver.train([diverging, sound], Silent(), Policy())
    assert results[diverging.key].status is TrialStatus.FAILED
    assert results[diverging.key].reason.startswith("the loss is not finite after epoch 1")
    assert results[sound.key].status is TrialStatus.COMPLETED


def test_killed_worker_is_replaced(problem: Problem, driver: Driver) -> None:
    trial = problem.trial(replace(CONFIG, seed=11, epochs=30), "random")
    callback = KillsAWorker()
    result = driver.train([trial], callback, Policy())[trial.key]
    assert callback.killed
    assert result.status is TrialStatus.COMPLETED
    assert [metrics.epoch for metrics in result.epochs] == list(range(1, 31))


@pytest.mark.slow
def test_worker_that_is_killed_between_two_trials_is_replaced(problem: Problem, driver: Driver) -> None:
    trials = [problem.trial(replace(CONFIG, seed=seed), "random") for seed in (21, 22, 23)]
    callback = KillsBetweenTrials()
    results = driver.train(trials, callback, Policy())
    assert callback.killed
    assert {result.status for result in results.values()} == {TrialStatus.COMPLETED}
    assert len(results) == 3


def test_record_gets_the_result_and_the_validation_probabilities(
    workplace: Path, problem: Problem, driver: Driver
) -> None:
    ledger, trial = Ledger(workplace / "kept"), problem.trial(replace(CONFIG, seed=12), "random")
    result = driver.train([trial], Silent(), Policy())[trial.key]
    assert ledger.find(trial) == result
    probabilities = ledger.predictions(trial)
    labels = problem.labels[problem.splits[0].validation]
    assert ((probabilities >= 0.5) == labels).mean() == pytest.approx(result.epochs[-1].val_accuracy)
    assert result.made_by.keys() >= {"stagewise", "keras", "ray", "numpy", "python", "node"}
    assert (result.made_by["device"], result.made_by["keras_backend"]) == ("CPU", problem.keras_backend)


@pytest.mark.parametrize(
    "name", ["asha", *(pytest.param(name, marks=pytest.mark.slow) for name in ("hyperband", "median"))]
)
def test_scheduler_stops_some_and_lets_others_finish(problem: Problem, driver: Driver, name: str) -> None:
    rates = (0.1, 1e-3, 3e-4, 1e-5, 1e-6, 1e-7)
    trials = [problem.trial(replace(CONFIG, learning_rate=rate, epochs=9), "random") for rate in rates]
    policy = Policy(scheduler=make_scheduler(name, Objective(), 9), pausing=name != "asha")
    results = driver.train(trials, Silent(), policy)
    alone = driver.train([trials[1]], Silent(), Policy())
    assert results.keys() == {trial.key for trial in trials}
    finished = [result for result in results.values() if result.status is TrialStatus.COMPLETED]
    assert finished
    assert all(len(result.epochs) == 9 for result in finished)
    assert {result.status for result in results.values()} <= {TrialStatus.COMPLETED, TrialStatus.STOPPED}
    if results[trials[1].key].status is TrialStatus.COMPLETED:
        assert figures(results[trials[1].key]) == figures(alone[trials[1].key])


@pytest.mark.slow
def test_population_changes_values_while_it_trains(problem: Problem, driver: Driver) -> None:
    starts = [
        replace(CONFIG, learning_rate=rate, dropout=0.2, epochs=12) for rate in (1e-2, 1e-3, 1e-5, 1e-7)
    ]
    scheduler = make_population_scheduler(Objective(), POPULATION_RANGES, 12)
    callback = Silent()
    members = driver.population(starts, "random", callback, Policy(scheduler=scheduler))
    assert [member.start for member in members] == starts
    assert all(len(member.values) == len(member.epochs) == 12 for member in members)
    assert any(len({values["learning_rate"] for values in member.values}) > 1 for member in members)
    assert callback.epochs.count(12) == len(starts)


def test_packed_trials_equal_those_trained_alone(workplace: Path, problem: Problem, driver: Driver) -> None:
    if problem.keras_backend != "jax":
        pytest.skip("packs need Keras on JAX, which is not installed")
    sound = [problem.trial(replace(CONFIG, seed=seed, dropout=0.2), "random") for seed in (7, 8, 9)]
    diverging = problem.trial(replace(CONFIG, dropout=0.2, learning_rate=1e30), "random")
    alone = driver.train(sound, Silent(), Policy())
    ledger = Ledger(workplace / "packed")
    together = Driver(
        problem,
        workplace / "cache",
        workplace / "packing",
        MachineOptions(pack=4),
        ledger.record,
        connected=True,
    )
    callback = Silent()
    packed = together.train([*sound, diverging], callback, Policy())
    for trial in sound:
        np.testing.assert_allclose(figures(packed[trial.key]), figures(alone[trial.key]), atol=1e-5)
        assert packed[trial.key].made_by["packed"] == "4"
        assert ledger.find(trial) == packed[trial.key]
        assert ledger.predictions(trial).shape == problem.splits[0].validation.shape
    assert packed[diverging.key].status is TrialStatus.FAILED
    assert sorted(callback.epochs)[-3:] == [CONFIG.epochs] * 3


@pytest.fixture
def packing(workplace: Path, problem: Problem, driver: Driver) -> Driver:
    """A driver that packs, on the Ray of `driver`."""
    if problem.keras_backend != "jax":
        pytest.skip("packs need Keras on JAX, which is not installed")
    driver._connect()
    cache, record = workplace / "cache", Ledger(workplace / "packing").record
    return Driver(problem, cache, workplace / "checks", MachineOptions(pack=3), record, connected=True)


@pytest.mark.slow
def test_pack_whose_worker_is_killed_goes_on_from_its_checkpoint(
    workplace: Path, problem: Problem, packing: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [problem.trial(replace(CONFIG, seed=seed, dropout=0.2), "random") for seed in (31, 32, 33)]
    unbroken = packing.train(trials, Silent(), Policy())
    begun = workplace / "begun"

    def train_and_keep(assignment: dict[str, Any], data: Any) -> None:
        """Trains a pack that is kept after every epoch, and notes after which it began."""
        from trainables import pack_worker as here
        from trainables.training.packed import checkpoint

        class Noted(checkpoint.PackCheckpoint):
            def restore(self, pack: Any) -> None:
                super().restore(pack)
                with begun.open("a") as file:
                    file.write(f"{[len(epochs) for epochs in pack.finished]}\n")

        checkpoint.EVERY_S, checkpoint.SHARE, here.PackCheckpoint = 0.0, 1e9, Noted
        here.train_pack(assignment, data)

    monkeypatch.setattr(pack_worker, "train_pack", train_and_keep)
    callback = KillsAWorker()
    results = packing.train(trials, callback, Policy())
    assert callback.killed
    assert begun.read_text().splitlines() == ["[0, 0, 0]", "[1, 1, 1]"]
    for trial in trials:
        assert figures(results[trial.key]) == figures(unbroken[trial.key])
        assert [metrics.epoch for metrics in results[trial.key].epochs] == list(range(1, CONFIG.epochs + 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["asha", "median"])
def test_scheduler_stops_members_of_packs_and_leaves_the_others_as_they_are(
    problem: Problem, driver: Driver, packing: Driver, name: str
) -> None:
    trials = [problem.trial(replace(CONFIG, seed=seed, epochs=9), "random") for seed in range(7)]
    callback = Silent()
    packed = packing.train(trials, callback, Policy(scheduler=make_scheduler(name, Objective(), 9)))
    alone = driver.train(trials, Silent(), Policy())
    assert packed.keys() == alone.keys()
    stopped = [result for result in packed.values() if result.status is TrialStatus.STOPPED]
    assert stopped
    assert {result.reason for result in stopped} == {"stopped early by the scheduler"}
    assert len(stopped) < len(trials)
    for key, result in packed.items():
        epochs = len(result.epochs)
        assert (3 <= epochs < 9) if result in stopped else epochs == 9
        np.testing.assert_allclose(figures(result), figures(alone[key])[:epochs], atol=1e-5)
    assert len(callback.epochs) == sum(len(result.epochs) for result in packed.values())


@pytest.mark.slow
def test_suggestions_are_trained_in_packs_like_alone(
    problem: Problem, driver: Driver, packing: Driver
) -> None:
    asked: list[Trial] = []

    def ask(values: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(problem.trial(replace(CONFIG, **values), "random"))
        return assignment_of(asked[-1])

    space = {"learning_rate": Range(1e-4, 1e-2, log=True), "batch_size": (16, 32)}
    searcher = KnowingSearcher(space, Objective(), 7, ask, lambda: len(asked) >= 7)
    packed = packing.search(searcher, CONFIG, Silent(), Policy())
    alone = driver.train(asked, Silent(), Policy())
    assert packed.keys() == alone.keys()
    assert len(packed) == 7
    assert max(int(result.made_by["packed"]) for result in packed.values()) > 1
    for key, result in packed.items():
        np.testing.assert_allclose(figures(result), figures(alone[key]), atol=1e-5)


KILLED = """
import json, os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}]
from tests.search.ray_tune.test_driver import Problem, Driver, MachineOptions, Policy, Silent
from tests.search.ray_tune.test_driver import TrialConfig, read_manifest
workplace, checkpoints = Path(sys.argv[1]), Path(sys.argv[2])
problem = Problem.of(read_manifest(workplace / "faces.parquet"), "random", "none", "tensorflow")
trial = problem.trial(TrialConfig(backbone="hassner", hidden_units=(16, 16), dropout=0.5, epochs=2), "random")
class Killed(Silent):
    def epoch_ended(self, trial, metrics):
        super().epoch_ended(trial, metrics)
        if metrics.epoch == 1 and len(sys.argv) > 3:
            os.killpg(0, signal.SIGKILL)
with Driver(problem, workplace / "cache", checkpoints, MachineOptions(), lambda *_: None) as driver:
    callback = Killed()
    result = driver.train([trial], callback, Policy())[trial.key]
losses = [[metrics.loss, metrics.val_loss] for metrics in result.epochs]
print(json.dumps({{"losses": losses, "trained": callback.epochs}}))
"""


@pytest.mark.slow
def test_killed_trial_on_pixels_continues_at_its_last_epoch(workplace: Path) -> None:
    script = KILLED.format(root=str(Path(__file__).parents[3]))

    def run(checkpoints: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, str(workplace), str(workplace / checkpoints), *options]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, start_new_session=True, timeout=SEARCH_S
        )

    assert run("broken", "kill").returncode == -signal.SIGKILL
    (kept,) = (workplace / "broken").glob("*/state.npz")
    resumed, unbroken = (json.loads(run(checkpoints).stdout) for checkpoints in ("broken", "unbroken"))
    assert resumed["losses"] == unbroken["losses"]
    assert (resumed["trained"], unbroken["trained"]) == ([2], [1, 2])
    assert not kept.exists()


ASKS_A_WORKER = """
from pathlib import Path
from search.options.run_groups import MachineOptions
from search.ray_tune.driver import Driver
from tests.search.makers import make_problem
from trainables.trial import TrialConfig

def where(*_):
    import search
    return search.__file__

with Driver(make_problem(Path.cwd()), Path("cache"), Path("checkpoints"), MachineOptions(), print) as driver:
    print(driver.call(where, TrialConfig()))
"""


@pytest.mark.slow
def test_workers_import_our_packages_and_no_file_of_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "search.py").write_text("raise ImportError('this is not the package')\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASKS_A_WORKER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{ROOT / 'search' / '__init__.py'}\n", done.stderr
