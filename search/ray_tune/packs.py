"""Packs: heads of one shape that a worker trains as one program."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.options.run_groups import MachineOptions
from search.ray_tune.nodes import nodes_alive
from search.ray_tune.policy import Policy
from search.ray_tune.preflight import Node, Share
from search.ray_tune.schedulers import PackEarlyStopping, stops_members
from trainables.backbones.table import find_backbone
from trainables.training.packed import pack_size, shape_of
from trainables.trial import Trial, TrialConfig

PACK_BYTES = 8 * 2**30  # of a GPU whose memory nobody knows
FULL_PACK = 64  # on an H200 a head's step took 32 us among 64, 37 among 16: more would gain next to nothing


@dataclass(frozen=True)
class Packing:
    """Packing of heads for so many classes on this Keras backend and machine."""

    keras_backend: str
    machine: MachineOptions
    classes: int = 2
    images: int = 0
    memory_bytes: float = PACK_BYTES  # of the smallest GPU
    largest_bytes: float = 0.0  # of the largest

    def cut(
        self, trials: Sequence[Trial], policy: Policy, *, slots: int = 1
    ) -> tuple[list[list[Trial]], list[Trial]]:
        """Returns the trials that are trained together, and those that are trained alone.

        There are packs for all `slots`, the places where trials are trained at a time, as far as the trials
        go; how many heads a pack has at most is what was asked for, else what its memory holds. A head may
        be a pack of its own on a GPU, and with a scheduler: early stopping compares the members of all packs.
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
            parts = [group[first : first + size] for first in range(0, len(group), size)]
            if size > 1 or (self._alone_on_gpu and is_packable(group[0].config)):
                packs += parts
            else:
                alone += group
        if not self.machine.pack:
            packs = _for_all(packs, slots)
        if policy.scheduler is None and not self._alone_on_gpu:
            alone += [pack[0] for pack in packs if len(pack) == 1]
            packs = [pack for pack in packs if len(pack) > 1]
        return packs, alone

    @property
    def _alone_on_gpu(self) -> bool:
        """Whether a head by itself is a pack too: an epoch as one program, not a start for each step.

        On an H200 a step of such a program took 57 us at batch size 1; Keras' loop starts each from Python.
        """
        return self.keras_backend == "jax" and bool(self.machine.gpus_per_trial) and self.machine.pack != 1

    def _size(self, config: TrialConfig) -> int:
        """Returns how many heads like `config` make a pack; without a wish one on a CPU, many on a GPU.

        As many as have room on the smallest GPU, and a full pack where only larger ones have room for it: on
        a smaller one a worker trains it in parts.
        """
        if not is_packable(config):
            return 1
        features = find_backbone(config.backbone).features or 2048
        small, large = (
            pack_size(config, features, memory, classes=self.classes, rows=self.images)
            for memory in (self.memory_bytes, self.largest_bytes)
        )
        return self.wanted(max(small, min(large, FULL_PACK)))

    def wanted(self, on_gpu: int) -> int:
        """Returns the size of packs: what was asked for, else `on_gpu` where there is a GPU, else 1."""
        if self.keras_backend != "jax":  # a pack is one program by jax.vmap
            return 1
        return self.machine.pack or (on_gpu if self.machine.gpus_per_trial else 1)


def is_packable(config: TrialConfig) -> bool:
    """Returns whether a pack may have `config` as a member: the usual head on features."""
    return not config.trains_on_images and not config.head


def _for_all(packs: Sequence[list[Trial]], slots: int) -> list[list[Trial]]:
    """Returns packs for all slots: the largest are halved while there are too few and any can be."""
    dealt = list(packs)
    while dealt and len(dealt) < slots and len(largest := max(dealt, key=len)) > 1:
        dealt.remove(largest)
        dealt += [largest[::2], largest[1::2]]
    return dealt


def slots_of(machine: MachineOptions) -> int:
    """Returns how many trials the nodes that are alive train at a time."""
    return sum(slots_on(node, machine) for node in nodes_alive())


def slots_on(node: Node, machine: MachineOptions) -> int:
    """Returns how many trials the node trains at a time."""
    if not Share.of(machine).is_kind_of(node):
        return 0
    slots = node.cpus / machine.trial_cpus
    if machine.gpus_per_trial:
        slots = min(slots, node.gpus / machine.gpus_per_trial)
    return int(slots)


def can_pack(policy: Policy) -> bool:
    """Returns whether trials under `policy` may be members of packs."""
    return policy.scheduler is None or stops_members(policy.scheduler)


def early_stopping_of(policy: Policy) -> Any:
    """Returns the handle of a `PackEarlyStopping` actor, None where nothing ends early."""
    if policy.scheduler is None:
        return None
    # it takes no CPU, which is the place of a trial, and ends with the driver, not with a machine that goes
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(PackEarlyStopping).remote(policy.scheduler)
