"""Tasks of feature extraction on Ray: one task, or one for each node (or GPU) with a share of the rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from data_prep.errors import InputError
from data_prep.storage.remote import address_of, shown
from search.ray_tune.head_start import HeadStart, work_on
from search.ray_tune.preflight import Share
from search.study.descriptions import weights_in_words
from search.study.setup import Problem
from trainables import errands
from trainables.backends import extraction_backend
from trainables.features.cache import FeatureKey, feature_key, find_features, is_whole, progress_of
from trainables.features.extraction import complete, made_by, show_progress
from trainables.features.images import OnProgress
from trainables.features.inputs import find_rows, rows_of_pictures

POLL_S = 0.5
FOLLOW_S = 0.1  # a process of this machine
RETRIES = 2  # of a task whose worker died
ONE_BACKEND = 1  # task of a process, as Keras has one backend in it and the next may ask for the other


@dataclass(frozen=True)
class Slot:
    """Place of a task of extraction: a node of Ray's, and the part of it that the task gets."""

    node_id: str
    cpus: int
    gpus: float


def slots_for(nodes: Sequence[Mapping[str, Any]], gpus: float) -> list[Slot]:
    """Returns a slot on each node that is alive, the largest first; with `gpus` one for each whole GPU.

    `nodes` are those of `ray.nodes()`. A node without what is asked for has none.
    """
    slots: list[Slot] = []
    for node in nodes:
        cpus, there = (node["Resources"].get(name, 0) for name in ("CPU", "GPU"))
        each = max(1.0, gpus) if gpus and there >= 1 else gpus
        count = int(min(cpus, there // each if each else 1))
        if node["Alive"] and count:
            slots += [Slot(node["NodeID"], int(cpus // count), each)] * count
    return sorted(slots, key=lambda slot: -slot.cpus)


def shares_of(missing: Sequence[range], slots: int) -> list[list[range]]:
    """Returns the row ranges dealt out to at most `slots`, one after the other; none gets nothing."""
    return [list(missing[number::slots]) for number in range(min(slots, len(missing)))]


def make_rows(
    name: str, problem: Problem, cache: Path, share: Share, head_start: HeadStart | None = None
) -> Path:
    """Returns the folder of the rows called `name`, which workers make where missing.

    GPUs are those of the kind that `share` names. A process with a `head_start` is waited for. Several
    workers write shards into the folder that this process holds, or send them to the address of the cache;
    one worker on a shared folder holds it by itself.
    Raises InputError as `trainables.features.extraction.extract` does, and where a worker died too often.
    """
    name = rows_of_pictures(name, problem.reading)
    backbone, digests = find_rows(name), problem.manifest.image_digests
    weights, precision = problem.weights, problem.feature_precision
    found = find_features(cache, backbone, weights, digests, precision)
    if found:
        return found.folder
    task = _Tasks(name, problem, cache, share)
    nodes = [node for node in ray.nodes() if share.kind.keys() <= node["Resources"].keys()]
    slots = slots_for(nodes, share.gpus)
    what = f"features of {name} ({weights_in_words(weights, precision)})" if backbone.frozen else name
    task.choose_backend(slots[0])
    with show_progress(what) as on_progress:
        if head_start:
            task.follow(head_start, on_progress)
            if found := find_features(cache, backbone, weights, digests, precision):
                return found.folder
        spreads = len(slots) > 1 or address_of(cache)
        folder = task.spread(slots, on_progress) if spreads else task.alone(slots[0], on_progress)
        on_progress(len(digests), len(digests))
    return folder


class _Tasks:
    """Tasks that make the rows called `name`."""

    def __init__(self, name: str, problem: Problem, cache: Path, share: Share) -> None:
        self._backbone, self._problem, self._cache = find_rows(name), problem, cache
        self._keras_backend, self._kind = extraction_backend(problem.keras_backend, share.gpus), share.kind
        self._known_key: FeatureKey | None = None
        paths = [shown(path) for path in problem.manifest.image_paths()]
        digests = problem.manifest.image_digests
        self._weights = (name, problem.weights, cache)
        self._all = (paths, digests, *self._weights, problem.feature_precision)

    def choose_backend(self, slot: Slot) -> None:
        """Has the slot say which backend is faster there, where the rows are so many that asking pays."""
        work = work_on(self._backbone, self._problem, slot.cpus, slot.gpus)
        if work:
            task = self._start(slot, errands.faster_backend, work, self._weights[2])
            self._keras_backend = result_of(task)

    def alone(self, slot: Slot, on_progress: OnProgress) -> Path:
        """Has one task make everything."""
        folder: Path = self._wait([self._start(slot, errands.make_features, *self._all)], on_progress)[0]
        return folder

    def spread(self, slots: Sequence[Slot], on_progress: OnProgress) -> Path:
        """Has a task at each of the slots write a share of the shards, and joins them."""
        if self._key() is None:
            self._wait([self._start(slots[0], errands.note_weights, *self._weights)], on_progress)
        key = self._key()
        if key is None:
            raise InputError(
                f"the cache {self._cache} is not the same folder on every node; "
                "give --cache a folder that all nodes share"
            )

        def compute(missing: list[range]) -> float:
            started = time.perf_counter()
            tasks = [
                self._start(slot, errands.make_shards, share, *self._all)
                for slot, share in zip(slots, shares_of(missing, len(slots)), strict=False)
            ]
            self._wait(tasks, on_progress)
            return sum(map(len, missing)) / (time.perf_counter() - started)

        facts = made_by(self._backbone, self._problem.weights, self._keras_backend)
        return complete(key, self._cache, compute, facts).folder

    def follow(self, head_start: HeadStart, on_progress: OnProgress) -> None:
        """Returns when the rows are whole, or the process with the head start has ended."""
        while head_start.is_working():
            time.sleep(FOLLOW_S)
            if key := self._key():
                on_progress(*progress_of(self._cache, key))
                if is_whole(self._cache, key):
                    return

    def _start(self, slot: Slot, work: Any, *arguments: Any) -> Any:
        remote = ray.remote(
            num_cpus=slot.cpus,
            num_gpus=slot.gpus,
            resources=self._kind,
            max_retries=RETRIES,
            max_calls=ONE_BACKEND,
            scheduling_strategy=NodeAffinitySchedulingStrategy(slot.node_id, soft=True),
        )(work)
        return remote.remote(self._keras_backend, slot.cpus, *arguments)

    def _key(self) -> FeatureKey | None:
        if self._known_key is None:  # it hashes the digests of all images
            _, digests, _, weights, _, precision = self._all
            self._known_key = feature_key(self._cache, self._backbone, weights, digests, precision)
        return self._known_key

    def _wait(self, tasks: Sequence[Any], on_progress: OnProgress) -> list[Any]:
        """Returns what the tasks return; follows the rows meanwhile, and ends all where one fails."""
        left = list(tasks)
        try:
            while left:
                ended, left = ray.wait(left, timeout=POLL_S)
                for task in ended:
                    result_of(task)
                key = self._key()
                if key:
                    on_progress(*progress_of(self._cache, key))
        finally:
            for task in left:
                ray.cancel(task, force=True)
        return [result_of(task) for task in tasks]


def result_of(task: Any) -> Any:
    """Returns what a task of Ray's returns; raises InputError where it does, and where its worker died."""
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise InputError(
            f"a worker died during its task ({str(error).splitlines()[0]}); "
            "run the same command again to continue, with fewer images at a time where memory ran out"
        ) from error
