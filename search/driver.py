"""The driver: what is missing goes to Ray's workers, and what they report comes back, one trial at a time."""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import ray
from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from data_prep.errors import InputError
from search.problem import Problem, extraction_backend
from trainables import trainable
from trainables.backbones import find_backbone
from trainables.extraction import show_progress
from trainables.features import feature_key, find_features, progress_of
from trainables.images import available_cores
from trainables.trainable import WorkerData
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus

POLL_S = 0.5
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a trial without a GPU sees none
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the ledger is ours
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the search at once
    "TUNE_GLOBAL_CHECKPOINT_S": "600",  # Ray's own state is never read again
    "TUNE_WARN_THRESHOLD_S": "10",
}


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Where trials run, and what each of them gets; `address` None starts Ray on this machine."""

    address: str | None = None
    cpus_per_trial: int | None = None
    gpus_per_trial: float = 0.0
    max_concurrent: int | None = None
    max_failures: int = 2

    @property
    def trial_cpus(self) -> int:
        """CPUs of a trial: where none are asked for two, or all of a smaller machine."""
        return self.cpus_per_trial or min(2, available_cores())


class Observer(Protocol):
    """Who wants to know of trials while they run."""

    def started(self, trial: Trial) -> None:
        """A worker has begun with `trial`."""

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """`trial` has finished an epoch."""

    def ended(self, result: TrialResult) -> None:
        """A trial has ended, however it did."""


Record = Callable[[TrialResult, np.ndarray | None], None]


@dataclass(frozen=True)
class Policy:
    """When trials end early: Ray's scheduler (None for none) and the moment (monotonic) that ends all."""

    scheduler: TrialScheduler | None = None
    deadline: float = math.inf
    pausing: bool = False  # whether the scheduler pauses trials, which then continue from checkpoints

    def seconds_left(self) -> float | None:
        """Returns the seconds until the deadline, at least a tenth; None where there is none."""
        return None if math.isinf(self.deadline) else max(0.1, self.deadline - time.monotonic())


class Driver:
    """Trains trials of one problem on Ray; connects when the first of them is missing.

    `record` keeps an ended trial with its validation probabilities; a trial whose worker died, or that
    the deadline cut, has not ended and is not recorded. `checkpoints` is the folder of trials under way.
    Use it as a context manager: leaving it ends a Ray that it started.
    """

    def __init__(
        self, problem: Problem, cache: Path, checkpoints: Path, resources: Resources, record: Record
    ) -> None:
        self._problem = problem
        self._cache = cache.absolute()
        self._checkpoints = checkpoints.absolute()
        self._resources = resources
        self._record = record
        self._connected = False

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connected:
            ray.shutdown()

    def train(self, trials: Sequence[Trial], observer: Observer, policy: Policy) -> dict[str, TrialResult]:
        """Trains `trials` and returns by key the results of those that ended.

        A trial that fails is a result with the status FAILED. Raises InputError where features cannot be
        made, or Ray cannot be reached or has too little for one trial.
        """
        if not trials:
            return {}
        space = {"trial": tune.grid_search([assignment_of(trial) for trial in trials])}
        backbones = {trial.config.backbone for trial in trials}
        return self._tune(space, backbones, observer, policy)

    def search(
        self, searcher: Searcher, backbones: Iterable[str], observer: Observer, policy: Policy
    ) -> dict[str, TrialResult]:
        """Trains what `searcher` suggests until it has finished; else like `train`."""
        return self._tune({}, backbones, observer, policy, searcher)

    def _tune(
        self,
        space: Mapping[str, Any],
        backbones: Iterable[str],
        observer: Observer,
        policy: Policy,
        searcher: Searcher | None = None,
    ) -> dict[str, TrialResult]:
        self._connect()
        data = self._worker_data(backbones, policy)
        collector = Collector(self._problem, self._keep, observer, policy)
        each = {"cpu": self._resources.trial_cpus, "gpu": self._resources.gpus_per_trial}
        with tempfile.TemporaryDirectory(prefix="ray-tune-") as scratch:
            tune.Tuner(
                tune.with_resources(tune.with_parameters(trainable.train_trial, data=data), each),
                param_space=dict(space),
                tune_config=tune.TuneConfig(
                    reuse_actors=True,
                    max_concurrent_trials=self._resources.max_concurrent,
                    search_alg=searcher,
                    scheduler=policy.scheduler,
                    num_samples=-1 if searcher else 1,
                    time_budget_s=policy.seconds_left(),
                ),
                run_config=tune.RunConfig(
                    name="search",
                    storage_path=scratch,
                    verbose=0,
                    callbacks=[collector],
                    failure_config=tune.FailureConfig(max_failures=self._resources.max_failures),
                ),
            ).fit()
        return collector.results

    def _keep(self, result: TrialResult, predictions: np.ndarray | None) -> None:
        self._record(result, predictions)
        shutil.rmtree(self._checkpoints / result.trial.key, ignore_errors=True)

    def _worker_data(self, backbones: Iterable[str], policy: Policy) -> WorkerData:
        return WorkerData(
            inputs={name: self._features(name) for name in sorted(backbones)},
            labels=self._problem.labels,
            splits={
                split.name: (split.train, split.validation)
                for split in (*self._problem.splits, *self._problem.final_splits)
            },
            keras_backend=self._problem.keras_backend,
            cpus=self._resources.trial_cpus,
            checkpoints=self._checkpoints,
            pausing=policy.pausing,
        )

    def _features(self, backbone_name: str) -> Path:
        """Returns the folder of the features, which a worker makes where they are missing."""
        backbone, manifest, weights = (
            find_backbone(backbone_name),
            self._problem.manifest,
            self._problem.weights,
        )
        found = find_features(self._cache, backbone, weights, manifest.image_digests)
        if found:
            return found.folder
        paths = [str(path) for path in manifest.image_paths()]
        backend = extraction_backend(self._problem.keras_backend, self._resources.gpus_per_trial)
        cpus = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])
        task = ray.remote(num_cpus=cpus, num_gpus=self._resources.gpus_per_trial, max_retries=2)(
            trainable.make_features
        ).remote(paths, manifest.image_digests, backbone_name, weights, str(self._cache), backend, cpus)
        with show_progress(f"features of {backbone_name} ({weights_in_words(weights)})") as on_progress:
            while not ray.wait([task], timeout=POLL_S)[0]:
                key = feature_key(self._cache, backbone, weights, manifest.image_digests)
                if key:
                    on_progress(*progress_of(self._cache, key))
            folder = _result_of(task)
            on_progress(len(paths), len(paths))
        return Path(folder)

    def _connect(self) -> None:
        if self._connected:
            return
        os.environ.update({name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()})
        logging.getLogger("ray").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
        try:
            ray.init(
                address=self._resources.address or "local",
                include_dashboard=False if self._resources.address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # ConnectionError, ValueError, AuthenticationError, RpcError …
            where = self._resources.address or "this machine"
            raise InputError(
                f"Ray cannot be used at {where} ({str(error).splitlines()[0]}); "
                "check --address, or leave it out to start Ray here"
            ) from error
        self._connected = True
        _require_room(self._resources)


@dataclass
class Collector(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Turns what Tune hears from its workers into results, as soon as each trial ends."""

    problem: Problem
    record: Record
    observer: Observer
    policy: Policy
    results: dict[str, TrialResult] = field(default_factory=dict)
    _epochs: dict[str, dict[int, EpochMetrics]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its callbacks down; nobody reads this one back

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tells the observer; a retried trial starts again."""
        ours = self._trial(trial)
        self._epochs.setdefault(ours.key, {})
        self.observer.started(ours)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Notes an epoch, or how the trial ended: its last report says so."""
        ours = self._trial(trial)
        if trainable.EPOCH in result:
            metrics = EpochMetrics(**result[trainable.EPOCH])
            self._epochs[ours.key][metrics.epoch] = metrics
            self.observer.epoch_ended(ours, metrics)
        if trainable.STATUS in result and ours.key not in self.results:
            ended = TrialResult(
                trial=ours,
                status=TrialStatus(result[trainable.STATUS]),
                epochs=tuple(EpochMetrics(**epoch) for epoch in result[trainable.EPOCHS]),
                seconds=result[trainable.SECONDS],
                reason=result[trainable.REASON],
                made_by=result[trainable.MADE_BY],
            )
            self.record(ended, result.get(trainable.PREDICTIONS))
            self._end(ended)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes a trial that the scheduler stopped; one that the deadline cut has not ended."""
        ours = self._trial(trial)
        if ours.key not in self.results and time.monotonic() < self.policy.deadline:
            stopped = self._cut(ours, TrialStatus.STOPPED, "stopped early by the scheduler")
            self.record(stopped, None)
            self._end(stopped)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Notes a trial whose worker failed more often than allowed; it is not finished."""
        ours = self._trial(trial)
        if ours.key not in self.results:
            self._end(self._cut(ours, TrialStatus.FAILED, _reason(trial)))

    def _end(self, result: TrialResult) -> None:
        self.results[result.trial.key] = result
        self.observer.ended(result)

    def _trial(self, trial: Any) -> Trial:
        assignment = trial.config["trial"]
        return self.problem.trial(TrialConfig.from_dict(assignment["config"]), assignment["split"])

    def _cut(self, trial: Trial, status: TrialStatus, reason: str) -> TrialResult:
        epochs = tuple(metrics for _, metrics in sorted(self._epochs.get(trial.key, {}).items()))
        seconds = sum(metrics.seconds for metrics in epochs)
        return TrialResult(trial=trial, status=status, epochs=epochs, seconds=seconds, reason=reason)


def assignment_of(trial: Trial) -> dict[str, Any]:
    """Returns what a worker needs to know of `trial`, as plain values."""
    return {"key": trial.key, "config": trial.config.to_dict(), "split": trial.split}


def weights_in_words(weights: str) -> str:
    """Returns what a reader calls these weights."""
    known = {"imagenet": "ImageNet weights", "none": "random weights"}
    return known.get(weights, f"weights of {Path(weights).name}")


def _require_room(resources: Resources) -> None:
    wanted = {"CPU": float(resources.trial_cpus), "GPU": resources.gpus_per_trial}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        largest: Mapping[str, float] = max(
            nodes, key=lambda node: (node.get("GPU", 0), node.get("CPU", 0)), default={}
        )
        raise InputError(
            f"a trial asks for {resources.trial_cpus} CPUs and {resources.gpus_per_trial:g} GPUs, the "
            f"largest of {len(nodes)} nodes has {largest.get('CPU', 0):g} and {largest.get('GPU', 0):g}; "
            "lower --cpus-per-trial or --gpus-per-trial"
        )


def _result_of(task: Any) -> Any:
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise InputError(
            f"the worker that made the features died ({str(error).splitlines()[0]}); "
            "run the same command again to continue, with fewer images at a time where memory ran out"
        ) from error


def _reason(trial: Any) -> str:
    error = trial.get_error()
    lines = [line for line in str(error or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "its worker died"
