"""Feature extraction on Ray: processes on each node, or GPU, make one share of the rows after the other."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from data_prep.errors import InputError
from data_prep.storage.remote import shown
from data_prep.storage.standing import standing
from search.ray_tune.ahead.head_start import HeadStart, work_on
from search.ray_tune.nodes import request_nodes, wait_for_room
from search.ray_tune.worker_data import Places
from search.study.descriptions import weights_in_words
from search.study.setup import Problem
from trainables import errands
from trainables.backends import extraction_backend
from trainables.features.cache import FeatureKey, feature_key, find_features, is_whole, progress_of
from trainables.features.extraction import complete, made_by, show_progress
from trainables.features.images import OnProgress
from trainables.features.inputs import find_rows, rows_of_pictures, rows_read_by, sides_of
from trainables.trial import TrialConfig

POLL_S = 0.5
FOLLOW_S = 0.1  # a process of this machine
RETRIES = 2  # at a slot whose node lives, of a process that died
SHARE_SHARDS = 8  # at most: who comes later finds something left, and who dies loses little
# threads of one Python wait for its lock: on 16 cores with an H200 eight decoded 865 photographs a second, 16
# 807, and 16 processes 1,966. Each of those on a GPU has a network of its own there
CORES_A_PROCESS, PROCESSES_A_GPU = 8, 4
ONE_BACKEND = 1  # task of a process, as Keras has one backend in it and the next may ask for the other


@dataclass(frozen=True)
class Slot:
    """Place of a process of extraction: a node of Ray's, and the part of it that the process gets."""

    node_id: str
    cpus: int
    gpus: float
    node: str = ""  # what a person calls it

    def options(self, kind: Mapping[str, float]) -> dict[str, Any]:
        """Returns what Ray is told of a process there."""
        there = NodeAffinitySchedulingStrategy(self.node_id, soft=False)
        return {
            "num_cpus": self.cpus,
            "num_gpus": self.gpus,
            "resources": kind,
            "scheduling_strategy": there,
        }


def slots_for(nodes: Sequence[Mapping[str, Any]], gpus: float) -> list[Slot]:
    """Returns a slot on each node that is alive, the largest first; with `gpus` one for each whole GPU, or
    several where a GPU has cores for several processes.

    `nodes` are those of `ray.nodes()`. A node without what is asked for has none.
    """
    slots: list[Slot] = []
    for node in nodes:
        cpus, there = (node["Resources"].get(name, 0) for name in ("CPU", "GPU"))
        each = max(1.0, gpus) if gpus and there >= 1 else gpus
        count = int(min(cpus, there // each if each else 1))
        if node["Alive"] and count:
            # several may have one address, which is their name where nobody gave them any
            name = f"{node['NodeName']} ({node['NodeID'][-8:]})"
            parts = processes_on_gpu(cpus // count) if each == 1 else 1
            count *= parts
            slots += [Slot(node["NodeID"], int(cpus // count), each / parts, name)] * count
    return sorted(slots, key=lambda slot: -slot.cpus)


def processes_on_gpu(cores: float) -> int:
    """Returns how many processes share a GPU that has so many cores beside it."""
    return max(1, min(PROCESSES_A_GPU, int(cores // CORES_A_PROCESS)))


def share_size(shards: int, workers: int) -> int:
    """Returns how many of the `shards` that are left one of so many workers gets: fewer towards the end."""
    return max(1, min(SHARE_SHARDS, shards // (4 * workers)))


def make_inputs(
    configs: Iterable[TrialConfig], problem: Problem, places: Places, head_start: HeadStart | None
) -> dict[str, Path]:
    """Returns the folders of the rows that `configs` read, by name; raises InputError as `make_rows` does.

    A cache that is watched is waited for; what lies in it then is gone on with.
    """

    def made(name: str) -> Path:
        return standing(places.cache, lambda: make_rows(name, problem, places, head_start))

    names = sorted({side for config in configs for side in sides_of(rows_read_by(config))})
    return {name: made(name) for name in names}


def make_rows(name: str, problem: Problem, places: Places, head_start: HeadStart | None = None) -> Path:
    """Returns the folder of the rows called `name`, which workers make where missing.

    A process with a `head_start` is waited for. Workers write shards into the folder that this process
    holds, or send them to the address of the cache; an autoscaler is asked for as many as there is work for.
    Raises InputError as `trainables.features.extraction.extract` does, and where workers died too often.
    """
    name = rows_of_pictures(name, problem.reading)
    backbone, digests = find_rows(name), problem.manifest.image_digests
    weights, precision = problem.weights, problem.feature_precision
    found = find_features(places.cache, backbone, weights, digests, precision)
    if found:
        return found.folder
    what = f"features of {name} ({weights_in_words(weights, precision)})" if backbone.frozen else name
    with show_progress(what) as on_progress:
        extraction = _Extraction(name, problem, places, on_progress)
        if head_start:
            extraction.follow(head_start)
            if found := find_features(places.cache, backbone, weights, digests, precision):
                return found.folder
        folder = extraction.run()
        on_progress(len(digests), len(digests))
    return folder


@dataclass(frozen=True, eq=False)
class _Worker:
    """Process of extraction at its slot, and the share that it is at: none while it begins."""

    slot: Slot
    extractor: Any
    share: Sequence[range] = ()


class _Extraction:
    """Extraction of the rows called `name`, by the nodes that are there and by those that come."""

    def __init__(self, name: str, problem: Problem, places: Places, on_progress: OnProgress) -> None:
        self._backbone, self._problem, self._places = find_rows(name), problem, places
        self._on_progress = on_progress
        paths, digests = problem.manifest.image_paths(), problem.manifest.image_digests
        traits = name, problem.weights, places.cache, problem.feature_precision
        self._arguments = [shown(path) for path in paths], digests, *traits
        self._known_key: FeatureKey | None = None
        self._at_work: dict[Any, _Worker] = {}  # by the task that they have not ended
        self._idle: list[_Worker] = []
        self._left: deque[range] = deque()
        self._deaths: Counter[Slot] = Counter()
        self._made_on: Counter[str] = Counter()  # images by node
        self._told_at = 0.0
        self._keras_backend = self._faster_backend()

    def run(self) -> Path:
        """Returns the folder of the rows, which are made."""
        facts = made_by(self._backbone, self._problem.weights, self._keras_backend)
        self._sent = ray.put(self._arguments)  # to each node once
        try:
            while self._key() is None and not self._idle:  # who begins notes the weights
                self._go_on()
            key = self._key()
            if key is None:
                raise InputError(
                    f"the cache {self._places.cache} is not the same folder on every node; "
                    "give --cache a folder that all nodes share"
                )
            facts["made_on"] = self._made_on
            return complete(key, self._places.cache, self._compute, facts).folder
        finally:
            self._ask_for_nodes(0)  # from here on waiting trials are what asks
            for worker in self._workers:
                ray.kill(worker.extractor)

    def follow(self, head_start: HeadStart) -> None:
        """Returns when the rows are whole, or the process with the head start has ended."""
        while head_start.is_working():
            time.sleep(FOLLOW_S)
            self._tell()
            if (key := self._key()) and is_whole(self._places.cache, key):
                return

    @property
    def _workers(self) -> list[_Worker]:
        return [*self._at_work.values(), *self._idle]

    def _compute(self, missing: list[range]) -> float:
        """Has the shards of these rows made; returns the images a second since there was a worker."""
        self._left.extend(missing)
        self._ask_for_nodes(len(missing))
        while not self._idle:
            self._go_on()
        started = time.perf_counter()
        while self._left or any(worker.share for worker in self._at_work.values()):
            self._go_on()
        return sum(map(len, missing)) / (time.perf_counter() - started)

    def _go_on(self) -> None:
        """Begins a worker at every slot without one, deals out what is left, and hears of what has ended."""
        slots = self._slots()
        if not slots:
            wait_for_room(self._places.share, self._places.machine.node_timeout_s)
            self._ask_for_nodes(len(self._left))
        for slot in (Counter(slots) - Counter(worker.slot for worker in self._workers)).elements():
            extractor = ray.remote(**slot.options(self._places.share.kind))(errands.Extractor)
            worker = _Worker(slot, extractor.remote(self._keras_backend, slot.cpus, slot.gpus, self._sent))
            self._at_work[worker.extractor.begin.remote()] = worker
        while self._left and self._idle:
            share = self._next_share(alone=len(slots) == 1 and not self._places.machine.address)
            worker = replace(self._idle.pop(), share=share)
            self._at_work[worker.extractor.make.remote(share)] = worker
        ended, _ = ray.wait(list(self._at_work), timeout=POLL_S)
        for task in ended:
            self._hear(task)
        self._tell()

    def _next_share(self, *, alone: bool) -> list[range]:
        """Returns the next of what is left: all of it for one who is `alone` and stays so."""
        size = len(self._left) if alone else share_size(len(self._left), len(self._workers))
        return [self._left.popleft() for _ in range(size)]

    def _hear(self, task: Any) -> None:
        """Notes what has ended; the share of a worker that died is made again."""
        worker = self._at_work[task]
        try:
            self._made_on[worker.slot.node] += result_of(task)
            self._idle.append(replace(worker, share=()))
        except WorkerDiedError:
            self._left.extendleft(reversed(worker.share))
            ray.kill(worker.extractor)  # it may be out of reach only
            self._deaths[worker.slot] += worker.slot in self._slots()  # a node that went counts for nobody
            if self._deaths[worker.slot] > RETRIES:
                raise
        del self._at_work[task]

    def _slots(self) -> list[Slot]:
        share = self._places.share
        nodes = [node for node in ray.nodes() if share.kind.keys() <= node["Resources"].keys()]
        return slots_for(nodes, share.gpus)

    def _ask_for_nodes(self, shards: int) -> None:
        """Asks an autoscaler for as many nodes as there are shards to make, and no longer for any with 0."""
        if self._places.machine.address:
            share = self._places.share
            whole = replace(share, gpus=max(1.0, share.gpus)) if share.gpus else share
            request_nodes(whole, shards)

    def _faster_backend(self) -> str:
        """Returns the backend that is faster on the largest slot, for so many rows that asking pays."""
        share = self._places.share
        usual = extraction_backend(self._problem.keras_backend, share.gpus)
        for slot in self._slots()[:1]:
            work = work_on(self._backbone, self._problem, slot.cpus, slot.gpus)
            if work:
                asked = ray.remote(max_retries=RETRIES, max_calls=ONE_BACKEND, **slot.options(share.kind))
                task = asked(errands.faster_backend).remote(usual, slot.cpus, work, self._places.cache)
                return str(result_of(task))
        return usual

    def _key(self) -> FeatureKey | None:
        if self._known_key is None:  # it hashes the digests of all images
            _, digests, _, weights, cache, precision = self._arguments
            self._known_key = feature_key(cache, self._backbone, weights, digests, precision)
        return self._known_key

    def _tell(self) -> None:
        """Shows how far it is, now and then: in a bucket looking takes longer than a share may."""
        if time.monotonic() - self._told_at >= POLL_S and (key := self._key()):
            self._told_at = time.monotonic()
            self._on_progress(*progress_of(self._places.cache, key))


class WorkerDiedError(InputError):
    """A worker that died during its task, which somebody may do again."""


def result_of(task: Any) -> Any:
    """Returns what a task of Ray's returns; raises InputError where it does, and where its worker died."""
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise WorkerDiedError(
            f"a worker died during its task ({str(error).splitlines()[0]}); "
            "run the same command again to continue, with fewer images at a time where memory ran out"
        ) from error
