"""The driver: what is missing goes to Ray's workers, and what they report comes back, one trial at a time."""

from __future__ import annotations

import copy
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune
from ray.tune.search import Searcher

from data_prep.command_line.exit_codes import keeping_sigterm
from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.remote import address_of, drop
from search.callbacks.callback import Callback
from search.options.run_groups import MachineOptions
from search.ray_tune.collector import Collector, KeepResult, Member, MemberCollector, Policy
from search.ray_tune.feature_tasks import make_rows, result_of
from search.ray_tune.head_start import HeadStart
from search.ray_tune.lost_nodes import LostNodes
from search.ray_tune.nodes import prepare_nodes, require_room, wait_for_room
from search.ray_tune.preflight import Errand
from search.ray_tune.schedulers import PackEarlyStopping, stops_members
from search.ray_tune.searchers import KnowingSearcher, Listed
from search.study.layout import Layout
from search.study.setup import Problem
from trainables import worker
from trainables.backbones.table import find_backbone
from trainables.features.inputs import reads_images, rows_read_by
from trainables.training.packed import pack_size, shape_of
from trainables.trial import Trial, TrialConfig, TrialResult
from trainables.worker import WorkerData

PACK_BYTES = 8 * 2**30  # of a GPU, for the heads of a pack
PENDING_OF_A_LIST = 200  # as Tune has it for a grid
ASKED_TOGETHER = 16  # suggestions of a searcher; the more, the less each knows of the others
_EXCHANGE, _PENDING = "ray-tune-", "TUNE_MAX_PENDING_TRIALS_PG"
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


class Driver:
    """Trains trials of one problem on Ray; connects when the first of them is missing.

    `record` keeps an ended trial with its validation probabilities; a trial whose worker died, or that
    the deadline cut, has not ended and is not recorded. `checkpoints` is the folder of trials under way.
    Use it as a context manager: leaving it ends a Ray that it started; `connected` says that Ray runs
    in this process already. `head_start` makes features of the problem by now.
    """

    def __init__(
        self,
        problem: Problem,
        cache: Path,
        checkpoints: Path,
        machine: MachineOptions,
        record: KeepResult,
        *,
        verbose: bool = False,
        connected: bool = False,
        head_start: HeadStart | None = None,
    ) -> None:
        self._problem = problem
        self._cache = cache.absolute()
        self._checkpoints = checkpoints.absolute()
        self._kept = Layout(self._checkpoints.parent).weights
        self._machine, self._verbose = machine, verbose
        self._record = record
        self._connected = connected
        self._head_start = head_start

    @property
    def is_connected(self) -> bool:
        """Whether Ray runs in this process; it takes seconds to start."""
        return self._connected

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connected:
            ray.shutdown()

    def train(
        self,
        trials: Sequence[Trial],
        callback: Callback,
        policy: Policy,
        keep: Collection[str] = (),
    ) -> dict[str, TrialResult]:
        """Trains `trials` and returns by key the results of those that ended.

        The weights of those whose keys are in `keep` outlast them. A trial that fails is a result with the
        status FAILED. Raises InputError where features cannot be made, or Ray cannot be reached or has too
        little for one trial.
        """
        plain = [trial for trial in trials if not trial.start and trial.key not in keep]
        packs, alone = self._packs(plain, policy) if _can_pack(policy) else ([], plain)
        alone += [trial for trial in trials if trial.start or trial.key in keep]
        results: dict[str, TrialResult] = {}
        if packs:
            listed = Listed("pack", [[assignment_of(trial) for trial in pack] for pack in packs])
            rows = {rows_read_by(trial.config) for pack in packs for trial in pack}
            results |= self._tune(worker.train_pack, listed, rows, callback, policy)
        if alone:
            listed = Listed("trial", [assignment_of(trial, keep=trial.key in keep) for trial in alone])
            rows = {rows_read_by(trial.config) for trial in alone}
            results |= self._tune(worker.train_trial, listed, rows, callback, policy)
        return results

    def _packs(self, trials: Sequence[Trial], policy: Policy) -> tuple[list[list[Trial]], list[Trial]]:
        """Returns the trials that are trained together, and those that are trained alone.

        Early stopping compares the members of all packs: with a scheduler a head may be a pack of its own.
        """
        groups: dict[Hashable, list[Trial]] = {}
        for trial in trials:
            groups.setdefault((trial.split, shape_of(trial.config)), []).append(trial)
        packs: list[list[Trial]] = []
        alone: list[Trial] = []
        for group in groups.values():
            size = self._pack_size(group[0].config)
            for pack in (group[first : first + size] for first in range(0, len(group), size)):
                if len(pack) > 1 or (size > 1 and policy.scheduler):
                    packs.append(pack)
                else:
                    alone += pack
        return packs, alone

    def _pack_size(self, config: TrialConfig) -> int:
        """Returns how many heads like `config` make a pack; without a wish one on a CPU, many on a GPU."""
        if reads_images(config):
            return 1
        features = find_backbone(config.backbone).features or 2048
        return self._wanted_pack(pack_size(config, features, PACK_BYTES))

    def _wanted_pack(self, on_gpu: int) -> int:
        if self._problem.keras_backend != "jax":
            return 1
        return self._machine.pack or (on_gpu if self._machine.gpus_per_trial else 1)

    def search(
        self, searcher: KnowingSearcher, base: TrialConfig, callback: Callback, policy: Policy
    ) -> dict[str, TrialResult]:
        """Trains what `searcher` suggests around `base` until it has finished; else like `train`."""
        bases = searcher.bases(base)
        if _can_pack(policy) and not any(map(reads_images, bases)):
            searcher.pack = self._wanted_pack(ASKED_TOGETHER)
        train = worker.train_pack if searcher.pack > 1 else worker.train_trial
        return self._tune(train, searcher, {rows_read_by(each) for each in bases}, callback, policy)

    def population(
        self, configs: Sequence[TrialConfig], split: str, callback: Callback, policy: Policy
    ) -> list[Member]:
        """Trains a population that starts from `configs`; `policy` has the scheduler that changes them."""
        assignments = [assignment_of(self._problem.trial(config, split)) for config in configs]
        collector = MemberCollector(self._problem, callback)
        space = {"trial": tune.grid_search(assignments)}
        rows = {rows_read_by(config) for config in configs}
        self._fit(worker.train_member, space, None, rows, policy, collector)
        return list(collector.members.values())

    def cluster(self) -> dict[str, Any]:
        """Returns the nodes that are alive, and the CPUs and GPUs in use of all; empty before connecting."""
        if not self._connected:
            return {}
        there, free = ray.cluster_resources(), ray.available_resources()
        used = {
            f"{name}s in use": f"{there[name] - free.get(name, 0):g} of {there[name]:g}"
            for name in ("CPU", "GPU")
            if name in there
        }
        return {"nodes": sum(1 for node in ray.nodes() if node["Alive"]), **used}

    def of(self, problem: Problem) -> Driver:
        """Returns a driver of another problem, on the same workers."""
        self._connect()
        other = copy.copy(self)
        other._problem, other._head_start = problem, None
        return other

    def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Returns what `work` of `trainables.worker` does in a worker; raises InputError as it does."""
        self._connect()
        cpus = self._machine.trial_cpus
        task = ray.remote(num_cpus=cpus, num_gpus=self._machine.gpus_per_trial)(work)
        return result_of(task.remote(self._problem.keras_backend, cpus, *arguments))

    def _tune(
        self,
        train: Callable[..., None],
        searcher: Searcher,
        rows: Iterable[str],
        callback: Callback,
        policy: Policy,
    ) -> dict[str, TrialResult]:
        collector = Collector(self._problem, self._keep, callback, policy, self._keep_log)
        self._fit(train, {}, searcher, rows, policy, collector)
        return collector.results

    def _fit(
        self,
        train: Callable[..., None],
        space: Mapping[str, Any],
        searcher: Searcher | None,
        rows: Iterable[str],
        policy: Policy,
        collector: tune.Callback,
    ) -> None:
        self._connect()
        packed = train is worker.train_pack
        data = self._worker_data(rows, policy, _early_stopping(policy) if packed else None)
        each = {"cpu": self._machine.trial_cpus, "gpu": self._machine.gpus_per_trial}
        os.environ[_PENDING] = self._pending(searcher)
        with self._exchange() as exchange:
            tune.Tuner(
                tune.with_resources(tune.with_parameters(train, data=data), each),
                param_space=dict(space),
                tune_config=tune.TuneConfig(
                    reuse_actors=True,
                    max_concurrent_trials=self._machine.max_concurrent,
                    search_alg=searcher,
                    scheduler=None if packed else policy.scheduler,
                    num_samples=-1 if searcher else 1,
                    time_budget_s=policy.seconds_left(),
                ),
                run_config=tune.RunConfig(
                    name="search",
                    storage_path=exchange,
                    verbose=0,
                    callbacks=[collector, LostNodes()],
                    failure_config=tune.FailureConfig(max_failures=self._machine.max_failures),
                ),
            ).fit()

    @contextmanager
    def _exchange(self) -> Iterator[str]:
        """Gives Tune a place below the study, where every worker reads what a population exchanges."""
        self._checkpoints.mkdir(parents=True, exist_ok=True)
        for left_by_a_killed_run in self._checkpoints.glob(f"{_EXCHANGE}*"):
            drop(left_by_a_killed_run)
        # a path made of text would have lost the address of the study
        folder = self._checkpoints / Path(tempfile.mkdtemp(prefix=_EXCHANGE, dir=self._checkpoints)).name
        try:
            yield address_of(folder) or str(folder)
        finally:
            drop(folder)

    def _pending(self, searcher: Searcher | None) -> str:
        """Returns how many trials may wait for a worker. With a searcher Tune has one, and trains one.

        A list may wait as far as makes a cluster grow; what is asked of a model should know of the results.
        """
        if searcher is None:
            return "auto"
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        slots = sum(_slots(node, self._machine) for node in nodes)
        return str(max(PENDING_OF_A_LIST if isinstance(searcher, Listed) else 1, slots))

    def _keep_log(self, trial: Trial, text: str) -> None:
        path = Layout(self._checkpoints.parent).log(trial.key)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, lambda file: file.write(text.encode()))

    def _keep(self, result: TrialResult, predictions: np.ndarray | None) -> None:
        self._record(result, predictions)
        drop(self._checkpoints / result.trial.key)

    def _worker_data(self, rows: Iterable[str], policy: Policy, early_stopping: Any) -> WorkerData:
        return WorkerData(
            inputs={
                name: make_rows(
                    name, self._problem, self._cache, self._machine.gpus_per_trial, self._head_start
                )
                for name in sorted(rows)
            },
            weights=self._problem.weights,
            labels=self._problem.labels,
            splits={
                split.name: (split.train, split.validation)
                for split in (*self._problem.splits, *self._problem.final_splits)
            },
            keras_backend=self._problem.keras_backend,
            cpus=self._machine.trial_cpus,
            gpus=self._machine.gpus_per_trial,
            checkpoints=self._checkpoints,
            kept=self._kept,
            pausing=policy.pausing,
            early_stopping=early_stopping,
            local_cache=self._machine.local_cache,
        )

    def _connect(self) -> None:
        if self._connected:
            return
        os.environ.update({name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()})
        level = logging.INFO if self._verbose else logging.ERROR
        logging.getLogger("ray").setLevel(level)
        # it misses the figures that are taken from ended trials, in vain
        logging.getLogger("ray.tune.analysis.experiment_analysis").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
        try:
            with keeping_sigterm():  # Ray's own way with it prints a stack
                ray.init(
                    address=self._machine.address or "local",
                    include_dashboard=False if self._machine.address is None else None,
                    log_to_driver=self._verbose,
                    logging_level=level,
                )
        except Exception as error:  # ConnectionError, ValueError, AuthenticationError, RpcError …
            where = self._machine.address or "this machine"
            raise InputError(
                f"Ray cannot be used at {where} ({str(error).splitlines()[0]}); "
                "check --address, or leave it out to start Ray here"
            ) from error
        self._connected = True
        self._require_ready()

    def _require_ready(self) -> None:
        """Raises InputError where trials would fail, each in its own way, or wait for ever."""
        cpus, gpus = self._machine.trial_cpus, self._machine.gpus_per_trial
        if self._machine.address is None:
            require_room(cpus, gpus)
            return
        wait_for_room(cpus, gpus, self._machine.node_timeout_s)
        folders = {"storage": self._checkpoints.parent, "cache": self._cache}
        images = self._problem.manifest.image_paths()
        prepare_nodes(Errand.of(folders, images, self._problem.keras_backend))


def assignment_of(trial: Trial, *, keep: bool = False) -> dict[str, Any]:
    """Returns what a worker needs to know of `trial`, as plain values."""
    return {
        "key": trial.key,
        "config": trial.config.to_dict(),
        "split": trial.split,
        "start": trial.start,
        "keep": keep,
    }


def _slots(node: Mapping[str, float], machine: MachineOptions) -> int:
    """Returns how many trials a node trains at a time."""
    slots = node.get("CPU", 0) / machine.trial_cpus
    if machine.gpus_per_trial:
        slots = min(slots, node.get("GPU", 0) / machine.gpus_per_trial)
    return int(slots)


def _can_pack(policy: Policy) -> bool:
    return policy.scheduler is None or stops_members(policy.scheduler)


def _early_stopping(policy: Policy) -> Any:
    """Returns the handle of a `PackEarlyStopping` actor, None where nothing ends early."""
    if policy.scheduler is None:
        return None
    return ray.remote(num_cpus=0)(PackEarlyStopping).remote(policy.scheduler)
