"""Packs: heads of one shape that a worker trains as one program."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from search.options.run_groups import MachineOptions
from search.ray_tune.collector import Policy
from search.ray_tune.schedulers import PackEarlyStopping, stops_members
from trainables.backbones.table import find_backbone
from trainables.features.inputs import reads_images
from trainables.training.packed import pack_size, shape_of
from trainables.trial import Trial, TrialConfig

PACK_BYTES = 8 * 2**30  # of a GPU, for the heads of a pack


@dataclass(frozen=True)
class Packing:
    """Packing of heads for so many classes on this Keras backend and machine."""

    keras_backend: str
    machine: MachineOptions
    classes: int = 2

    def cut(self, trials: Sequence[Trial], policy: Policy) -> tuple[list[list[Trial]], list[Trial]]:
        """Returns the trials that are trained together, and those that are trained alone.

        Early stopping compares the members of all packs: with a scheduler a head may be a pack of its own.
        """
        if not can_pack(policy):
            return [], list(trials)
        groups: dict[Hashable, list[Trial]] = {}
        for trial in trials:
            groups.setdefault((trial.split, shape_of(trial.config)), []).append(trial)
        packs: list[list[Trial]] = []
        alone: list[Trial] = []
        for group in groups.values():
            size = self._size(group[0].config)
            for pack in (group[first : first + size] for first in range(0, len(group), size)):
                if len(pack) > 1 or (size > 1 and policy.scheduler):
                    packs.append(pack)
                else:
                    alone += pack
        return packs, alone

    def _size(self, config: TrialConfig) -> int:
        """Returns how many heads like `config` make a pack; without a wish one on a CPU, many on a GPU."""
        if not is_packable(config):
            return 1
        features = find_backbone(config.backbone).features or 2048
        return self.wanted(pack_size(config, features, PACK_BYTES, classes=self.classes))

    def wanted(self, on_gpu: int) -> int:
        """Returns the size of packs: what was asked for, else `on_gpu` where there is a GPU, else 1."""
        if self.keras_backend != "jax":  # a pack is one program by jax.vmap
            return 1
        return self.machine.pack or (on_gpu if self.machine.gpus_per_trial else 1)


def is_packable(config: TrialConfig) -> bool:
    """Returns whether a pack may have `config` as a member: the usual head on features."""
    return not reads_images(config) and not config.head


def can_pack(policy: Policy) -> bool:
    """Returns whether trials under `policy` may be members of packs."""
    return policy.scheduler is None or stops_members(policy.scheduler)


def early_stopping_of(policy: Policy) -> Any:
    """Returns the handle of a `PackEarlyStopping` actor, None where nothing ends early."""
    if policy.scheduler is None:
        return None
    # it takes no CPU: it would take the place of a trial
    return ray.remote(num_cpus=0)(PackEarlyStopping).remote(policy.scheduler)
