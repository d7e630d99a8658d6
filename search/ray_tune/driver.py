"""The driver: what is missing goes to Ray's workers, and what they report comes back, one trial at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import tune

from data_prep.storage.remote import drop
from search.callbacks.callback import Callback
from search.options.run_groups import MachineOptions
from search.ray_tune.ahead.process import HeadStart
from search.ray_tune.collector import Collector, KeepResult, Member, MemberCollector, assignment_of
from search.ray_tune.connection import Connection, connect, disconnect, let_wait, require_ready
from search.ray_tune.exchange import exchange_of_population, exchanging, own_exchange
from search.ray_tune.failures.door import Refusals, one_door, with_watchers
from search.ray_tune.feature_tasks import ONE_BACKEND, make_inputs, result_of
from search.ray_tune.packs import Packing, can_pack, early_stopping_of, is_packable, slots_of
from search.ray_tune.policy import Policy
from search.ray_tune.searchers import Claims, KnowingSearcher, Listed
from search.ray_tune.worker_data import Places, data_of_workers
from search.study.ledger import keep_log
from search.study.setup import Problem
from trainables import pack_worker, worker
from trainables.trial import Trial, TrialConfig, TrialResult

PENDING_OF_A_LIST = 200  # as Tune has it for a grid
ASKED_TOGETHER = 16  # suggestions of a searcher; the more, the less each knows of the others


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
        self.problem = problem
        self._cache = cache.absolute()
        self._checkpoints = checkpoints.absolute()
        self._machine, self._verbose = machine, verbose
        self._record = record
        self._unkept: Exception | None = None  # why a result could not be kept, or trials cannot go on
        self._connected = connected
        self._connection: Connection | None = None  # that this driver made
        self._head_start = head_start
        self._refusals = Refusals(machine)
        self._packing = Packing(problem.keras_backend, machine, problem.classes, len(problem.labels))

    @property
    def is_connected(self) -> bool:
        """Whether Ray runs in this process; it takes seconds to start."""
        return self._connected

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection:
            disconnect(self._connection, keeps_logs=self._verbose)

    def train(
        self, trials: Sequence[Trial], callback: Callback, policy: Policy, keep: Collection[str] = ()
    ) -> dict[str, TrialResult]:
        """Trains `trials` and returns by key the results of those that ended.

        The weights of those whose keys are in `keep` outlast them. A trial that fails is a result with the
        status FAILED. Raises InputError where features cannot be made, or Ray cannot be reached or has too
        little for one trial.
        """
        plain = [trial for trial in trials if not trial.start and trial.key not in keep]
        packs, alone = self._packed(plain, policy)
        alone += [trial for trial in trials if trial.start or trial.key in keep]
        results: dict[str, TrialResult] = {}
        if packs:
            values = [[assignment_of(trial) for trial in pack] for pack in packs]
            listed = self._listed("pack", values, policy)
            configs = [pack[0].config for pack in packs]
            results |= self._tune(pack_worker.train_pack, listed, configs, callback, policy)
        if alone:
            assignments = [assignment_of(trial, keep=trial.key in keep) for trial in alone]
            listed = self._listed("trial", assignments, policy)
            configs = [trial.config for trial in alone]
            results |= self._tune(worker.train_trial, listed, configs, callback, policy)
        return results

    def search(
        self, searcher: KnowingSearcher, base: TrialConfig, callback: Callback, policy: Policy
    ) -> dict[str, TrialResult]:
        """Trains what `searcher` suggests around `base` until it has finished; else like `train`."""
        bases = searcher.bases(base)
        if can_pack(policy) and all(map(is_packable, bases)):
            searcher.pack = self._packing.wanted(ASKED_TOGETHER)
        train = pack_worker.train_pack if searcher.pack > 1 else worker.train_trial
        return self._tune(train, searcher, bases, callback, policy)

    def population(
        self, configs: Sequence[TrialConfig], split: str, callback: Callback, policy: Policy
    ) -> list[Member]:
        """Trains a population that starts from `configs`; `policy` has the scheduler that changes them."""
        assignments = [assignment_of(self.problem.trial(config, split)) for config in configs]
        collector = MemberCollector(self.problem, callback)
        space = {"trial": tune.grid_search(assignments)}
        self._fit(worker.train_member, space, None, configs, policy, collector)
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
        with one_door(self._study):
            self._connect()
        places = self._cache, self._checkpoints, self._machine
        other = Driver(problem, *places, self._record, verbose=self._verbose, connected=True)
        ours = self._packing
        other._packing = replace(
            other._packing, memory_bytes=ours.memory_bytes, largest_bytes=ours.largest_bytes
        )
        return other

    def make_features(self, backbone: str) -> None:
        """Makes the features of `backbone` where the cache has none; raises InputError where it cannot."""
        with one_door(self._study):
            self._connect()
            make_inputs([TrialConfig(backbone=backbone)], self.problem, self._places, self._head_start)

    def call(self, work: Callable[..., Any], config: TrialConfig, *arguments: Any) -> Any:
        """Returns what `work` of `trainables.errands` makes of `config` in a worker.

        Raises InputError as it does.
        """
        share = self._places.share
        share_of_node = {"num_cpus": share.cpus, "num_gpus": share.gpus, "resources": share.kind}
        task = ray.remote(max_calls=ONE_BACKEND, **share_of_node)(work)
        with one_door(self._study):
            self._connect()
            backend = self.problem.backend_of(config)
            return result_of(task.remote(backend, share.cpus, config.to_dict(), *arguments))

    def _tune(
        self,
        train: Callable[..., None],
        searcher: tune.search.Searcher,
        configs: Sequence[TrialConfig],
        callback: Callback,
        policy: Policy,
    ) -> dict[str, TrialResult]:
        collector = Collector(
            self.problem,
            self._keep,
            callback,
            policy,
            self._keep_log,
            self._machine.max_failures,
            lambda keys: pack_worker.drop_checkpoint(self._checkpoints, keys),
        )
        # a scheduler compares those of one search, and a model hears how each of its suggestions ended
        collector.lists = isinstance(searcher, Listed) and (
            policy.scheduler is None or train is pack_worker.train_pack
        )
        self._fit(train, {}, searcher, configs, policy, collector)
        while True:
            again = collector.take_given_up()
            if not again:
                again, fewer = collector.take_aside()
                policy = replace(policy, at_a_time=fewer)
            if not again:
                return collector.results
            (name,) = again[0]
            listed = self._listed(name, [config[name] for config in again], policy)
            self._fit(train, {}, listed, configs, policy, collector)

    def _fit(
        self,
        train: Callable[..., None],
        space: Mapping[str, Any],
        searcher: tune.search.Searcher | None,
        configs: Sequence[TrialConfig],
        policy: Policy,
        collector: tune.Callback,
    ) -> None:
        with one_door(self._study):
            self._connect()
            packed = train is pack_worker.train_pack
            places = self._places
            places.make()
            inputs = make_inputs(configs, self.problem, places, self._head_start)
            early_stopping = early_stopping_of(policy) if packed else None
            data = data_of_workers(
                self.problem, places, inputs, pausing=policy.pausing, stopping=early_stopping
            )
            share = places.share
            each = {"cpu": share.cpus, "gpu": share.gpus, **share.kind}
            let_wait(self._pending(searcher))
            holds = policy.sharing is None or policy.sharing.holds
            with exchanging(self._exchange(train, policy), lambda: self._unkept) as exchange:
                tune.Tuner(
                    tune.with_resources(tune.with_parameters(train, data=data), each),
                    param_space=dict(space),
                    tune_config=tune.TuneConfig(
                        # a process has the backend of its first trial
                        reuse_actors=len(set(map(self.problem.backend_of, configs))) == 1,
                        max_concurrent_trials=policy.at_a_time or self._machine.max_concurrent,
                        search_alg=searcher,
                        scheduler=None if packed else policy.scheduler,
                        num_samples=-1 if searcher else 1,
                        time_budget_s=policy.seconds_left(),
                    ),
                    run_config=tune.RunConfig(
                        name="search",
                        storage_path=exchange,
                        verbose=0,
                        # in a notebook its default clears what others show
                        progress_reporter=tune.CLIReporter(),
                        **with_watchers(collector, self._study, self._require_places, holds=holds),
                        failure_config=tune.FailureConfig(max_failures=self._machine.max_failures),
                    ),
                ).fit()

    def _exchange(self, train: Callable[..., None], policy: Policy) -> Path:
        if train is worker.train_member:
            others = policy.sharing is not None and policy.sharing.was_shared
            return exchange_of_population(self._checkpoints, others=others)
        return own_exchange(self._connection.session if self._connection else None)

    @property
    def _places(self) -> Places:
        return Places(self._cache, self._checkpoints, self._machine)

    def _listed(self, name: str, values: Sequence[Any], policy: Policy) -> Listed:
        sharing = policy.sharing if policy.shares else None
        return Listed(name, values, Claims(sharing, self._slots) if sharing else None)

    def _slots(self) -> int:
        slots = slots_of(self._machine)
        return min(slots, self._machine.max_concurrent or slots)

    def _pending(self, searcher: tune.search.Searcher | None) -> str:
        """Returns how many trials may wait for a worker. With a searcher Tune has one, and trains one.

        A list may wait as far as makes a cluster grow; what is asked of a model should know of the results,
        so a cluster grows to what was asked for at once, else by as much as it is. What waits on one machine
        is lost for another driver that joins.
        """
        if searcher is None:
            return "auto"
        ahead = self._machine.max_concurrent or 1
        if isinstance(searcher, Listed):
            ahead = PENDING_OF_A_LIST if self._machine.address else 1
        return str(max(ahead, slots_of(self._machine)))

    def _keep_log(self, trial: Trial, text: str) -> None:
        keep_log(self._study, trial.key, text)

    def _keep(self, result: TrialResult, predictions: Any) -> None:
        self._noting_errors(lambda: self._record(result, predictions))
        drop(self._checkpoints / result.trial.key)

    def _require_places(self, failure: str, again: bool) -> None:
        self._noting_errors(self._places.require_cache)
        self._noting_errors(lambda: self._refusals.hear(failure, again))

    def _noting_errors(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._unkept = error
            raise

    def _packed(self, trials: Sequence[Trial], policy: Policy) -> tuple[list[list[Trial]], list[Trial]]:
        """Returns the trials that are trained together, and those that are trained alone."""
        if not self._machine.gpus_per_trial:
            return self._packing.cut(trials, policy)
        with one_door(self._study):
            self._connect()  # the nodes say how much a pack may have
        return self._packing.cut(trials, policy, slots=slots_of(self._machine))

    @property
    def _study(self) -> Path:
        return self._checkpoints.parent

    def _connect(self) -> None:
        if self._connected:
            return
        self._connection = connect(self._machine.address, verbose=self._verbose)
        self._connected = True
        folders = {"storage": self._study, "cache": self._cache}
        gpu_bytes = require_ready(self._machine, folders, self.problem)
        if gpu_bytes:
            self._packing = replace(self._packing, memory_bytes=min(gpu_bytes), largest_bytes=max(gpu_bytes))
