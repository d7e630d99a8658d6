"""How trials are cut into packs: by shape, by the memory of a GPU, and so that every slot has one."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest

from search.options.run_groups import MachineOptions
from search.ray_tune.packs import FULL_PACK, Packing
from search.ray_tune.policy import Policy
from search.ray_tune.schedulers import make_scheduler
from tests.search.makers import make_trial
from trainables.objective import OBJECTIVE
from trainables.trial import Trial

GIB = 2**30
ON_GPU = Packing("jax", MachineOptions(gpus_per_trial=1.0), images=12_194)


def trials(count: int, **config: object) -> list[Trial]:
    return [make_trial(backbone="resnet50_v2", seed=seed, **config) for seed in range(count)]


def sizes(packing: Packing, count: int, slots: int = 1) -> tuple[list[int], int]:
    packs, alone = packing.cut(trials(count), Policy(), slots=slots)
    assert sorted(trial.key for trial in chain(*packs, alone)) == sorted(each.key for each in trials(count))
    return sorted((len(pack) for pack in packs), reverse=True), len(alone)


def test_every_slot_has_a_pack() -> None:
    assert sizes(ON_GPU, 20) == ([20], 0)
    assert sizes(ON_GPU, 20, slots=4) == ([5, 5, 5, 5], 0)
    assert sizes(ON_GPU, 3, slots=8) == ([1, 1, 1], 0)


def test_number_of_heads_that_was_asked_for_is_kept() -> None:
    asked = replace(ON_GPU, machine=MachineOptions(gpus_per_trial=1.0, pack=16))
    assert sizes(asked, 20, slots=4) == ([16, 4], 0)


def test_pack_has_room_in_the_memory_that_there_is_beside_the_features() -> None:
    small = max(sizes(replace(ON_GPU, memory_bytes=3.4 * GIB), 500)[0])
    large = max(sizes(replace(ON_GPU, memory_bytes=13.6 * GIB), 500)[0])
    fewer_images = max(sizes(replace(ON_GPU, memory_bytes=3.4 * GIB, images=100), 500)[0])
    assert 4 * small < large
    assert small < fewer_images
    assert sizes(replace(ON_GPU, memory_bytes=0.05 * GIB), 3) == ([1, 1, 1], 0)


def test_pack_is_full_where_only_the_larger_gpu_has_room_for_that() -> None:
    small = replace(ON_GPU, memory_bytes=1.0 * GIB)
    few = max(sizes(small, 500)[0])
    assert few < 20
    assert max(sizes(replace(small, largest_bytes=1.5 * GIB), 500)[0]) in range(few + 5, 40)
    assert max(sizes(replace(small, largest_bytes=70 * GIB), 500)[0]) == FULL_PACK
    roomy = replace(ON_GPU, memory_bytes=13.6 * GIB)
    assert sizes(replace(roomy, largest_bytes=70 * GIB), 500) == sizes(roomy, 500)


def test_shapes_and_splits_are_packs_of_their_own() -> None:
    mixed = [*trials(2), *trials(2, batch_size=8), make_trial("subject", backbone="resnet50_v2")]
    packs, alone = ON_GPU.cut(mixed, Policy())
    assert sorted(len(pack) for pack in packs) == [1, 2, 2]
    assert [pack[0].split for pack in packs if len(pack) == 1] == ["subject"]
    assert not alone


def test_network_on_images_and_a_pack_of_one_that_was_asked_for_are_trained_alone() -> None:
    on_images = make_trial(backbone="hassner")
    assert ON_GPU.cut([on_images], Policy()) == ([], [on_images])
    asked = replace(ON_GPU, machine=MachineOptions(gpus_per_trial=1.0, pack=1))
    assert sizes(asked, 3) == ([], 3)


def test_head_by_itself_is_a_pack_where_members_are_stopped_early() -> None:
    policy = Policy(scheduler=make_scheduler("asha", OBJECTIVE, 9))
    packs, alone = ON_GPU.cut(trials(1), policy)
    assert ([len(pack) for pack in packs], alone) == ([1], [])


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_nothing_is_packed_on_a_cpu(backend: str) -> None:
    packs, alone = Packing(backend, MachineOptions()).cut(trials(4), Policy())
    assert (packs, len(alone)) == ([], 4)
