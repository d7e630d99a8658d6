"""The data that a search hands to its workers, and the folders that all of them use."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.storage.remote import address_of
from data_prep.storage.standing import standing
from search.options.run_groups import MachineOptions
from search.ray_tune.preflight import Share
from search.study.layout import Layout
from search.study.setup import Problem
from trainables.process_setup import COMPILED
from trainables.versions import versions_here
from trainables.worker import WorkerData


@dataclass(frozen=True)
class Places:
    """The folders of the cache and of trials under way, both absolute, and the machines that use them."""

    cache: Path
    checkpoints: Path
    machine: MachineOptions

    @property
    def share(self) -> Share:
        """What a trial asks of a node."""
        return Share.of(self.machine)

    def make(self) -> None:
        """Makes the folders that workers write into, and never make: bare mount points have them not."""
        for folder in (self.checkpoints, *([self.compiled] if self.compiled else [])):
            standing(folder, functools.partial(folder.mkdir, parents=True, exist_ok=True))

    @property
    def compiled(self) -> Path | None:
        """Where JAX keeps compiled programs; it has no way into a bucket."""
        return None if address_of(self.cache) else self.cache / COMPILED

    def require_cache(self) -> None:
        """Waits for a cache that went away, without which trials fail; raises InputError after that."""
        standing(self.cache, lambda: None)


def data_of_workers(
    problem: Problem, places: Places, inputs: Mapping[str, Path], *, pausing: bool, stopping: Any
) -> WorkerData:
    """Returns the data of trials of `problem`; `stopping` is an actor that ends members of packs, or None."""
    machine = places.machine
    return WorkerData(
        inputs=inputs,
        weights=problem.weights,
        labels=problem.labels,
        splits={
            split.name: (split.train, split.validation) for split in (*problem.splits, *problem.final_splits)
        },
        keras_backend=problem.keras_backend,
        image_backend=problem.image_backend,
        cpus=machine.trial_cpus,
        gpus=machine.gpus_per_trial,
        checkpoints=places.checkpoints,
        kept=Layout(places.checkpoints.parent).weights,
        pausing=pausing,
        early_stopping=stopping,
        fits_packs=not machine.pack,
        # a worker stands in a folder of its own
        local_cache=machine.local_cache and machine.local_cache.absolute(),
        compiled=places.compiled,
        classes=problem.classes,
        objective=problem.objective,
        code=problem.code,
        versions=versions_here(problem.keras_backend) if machine.address else None,
    )
