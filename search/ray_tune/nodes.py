"""The nodes of the Ray that this process is connected to: whether a trial fits, and whether all are ready."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import ray
from ray.autoscaler.sdk import request_resources
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from data_prep.errors import InputError
from data_prep.storage.standing import standing
from search.options.run_groups import MachineOptions
from search.ray_tune.preflight import (
    ACCELERATOR,
    Errand,
    Node,
    Share,
    Sight,
    describe_nodes,
    look_around,
    require_ready,
)

ANSWER_S = 120.0  # for a node to start a worker and look around
POLL_S, SAY_EVERY_S = 1.0, 15.0


def nodes_alive() -> list[Node]:
    """Returns the nodes of Ray's that are alive, in the order of their addresses."""
    alive = [
        Node(
            node_id=node["NodeID"],
            name=node["NodeManagerHostname"],
            address=node["NodeManagerAddress"],
            cpus=node["Resources"].get("CPU", 0.0),
            gpus=node["Resources"].get("GPU", 0.0),
            accelerators=tuple(
                sorted(name[len(ACCELERATOR) :] for name in node["Resources"] if name.startswith(ACCELERATOR))
            ),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    return sorted(alive, key=lambda node: node.address)


def require_room(share: Share) -> None:
    """Raises InputError where no node has the share: a trial would wait for ever."""
    if not _has_room(share):
        raise InputError(f"a trial asks for {share}, {_there(share)}; {_way_out(share)}")


def wait_for_room(share: Share, seconds: float) -> None:
    """Waits until a node has the share, and says so; an autoscaler is asked for such a node.

    The caller takes that back (`request_nodes`), or the node goes before it has any work. Raises InputError
    after `seconds`.
    """
    if _has_room(share):
        return
    wanted = f"a node with {share}"
    started, said = time.monotonic(), -SAY_EVERY_S
    request_nodes(share, 1)
    while not _has_room(share):
        waited = time.monotonic() - started
        if waited >= seconds:
            raise InputError(
                f"{wanted} did not start within {seconds:g} s ({_there(share)}); ask ray status what its "
                f"autoscaler does, {_way_out(share)}, or raise --node-timeout"
            )
        if waited - said >= SAY_EVERY_S:
            said = waited
            print(f"waiting   for {wanted}, {waited:.0f} of {seconds:g} s: {_there(share)}", file=sys.stderr)
        time.sleep(POLL_S)


def request_nodes(share: Share, count: int) -> None:
    """Asks an autoscaler for nodes that have so many shares, until it is asked for another number of them."""
    gpus = {"GPU": share.gpus} if share.gpus else {}
    request_resources(bundles=[{"CPU": share.cpus, **gpus, **share.kind}] * count)


def prepare_nodes(errand: Errand) -> None:
    """Says which nodes there are; raises InputError where one of them is not ready for trials."""
    for folder in errand.folders.values():
        try:
            standing(folder, partial(folder.mkdir, parents=True, exist_ok=True))
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({error.strerror}); give another folder") from None
    nodes = nodes_alive()
    for line in describe_nodes(nodes):
        print(line, file=sys.stderr)
    try:
        require_ready(errand, _sights(errand, nodes))
    finally:
        errand.clear(nodes)


def _sights(errand: Errand, nodes: Sequence[Node]) -> Mapping[Node, Sight]:
    asked = {node: ask(node, look_around, errand, node.node_id) for node in nodes}
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=ANSWER_S)
    return {node: answer_of(node, task) for node, task in asked.items()}


def ask(node: Node, work: Callable[..., Any], *arguments: Any, gpus: float = 0.0) -> Any:
    """Has the node do `work`, with a share of `gpus` of its GPUs, and returns the task."""
    there = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    # without a CPU of its own it runs on a node whose CPUs are all taken
    task = ray.remote(num_cpus=0, num_gpus=gpus, max_retries=1, scheduling_strategy=there)(work)
    return task.remote(*arguments)


def occupy(node_id: str, machine: MachineOptions, places: int) -> None:
    """Takes so many places for trials on a node, each when it is free, until this process leaves Ray."""

    def wait() -> None:  # in here, as the node may not have this module
        threading.Event().wait()

    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    share = Share.of(machine)
    of_node = {"num_cpus": share.cpus, "num_gpus": share.gpus, "resources": share.kind}
    task = ray.remote(max_retries=0, scheduling_strategy=there, **of_node)(wait)
    for _ in range(places):
        task.remote()


def answer_of(node: Node, task: Any) -> Any:
    """Returns what the node answered; raises InputError where it did not, or cannot run the project."""
    try:
        return ray.get(task, timeout=0)
    except ray.exceptions.GetTimeoutError:
        raise InputError(
            f"node {node} did not answer within {ANSWER_S:g} s; take it out of the cluster or start it again"
        ) from None
    except ray.exceptions.RayError as error:  # among them that the project is not installed there
        reason = [line for line in str(error).splitlines() if line.strip()][-1].strip()
        raise InputError(
            f"node {node} cannot run the project ({reason}); install it there as it is here"
        ) from error


def _has_room(share: Share) -> bool:
    return any(share.fits(node) for node in nodes_alive())


def _way_out(share: Share) -> str:
    lower = "lower --cpus-per-trial or --gpus-per-trial"
    return f"{lower}, or give another --accelerator" if share.accelerator else lower


def _there(share: Share) -> str:
    """Returns what the nodes have of that kind, or which kinds they have."""
    alive = nodes_alive()
    nodes = [node for node in alive if share.is_kind_of(node)]
    if alive and not nodes:
        kinds = sorted({kind for node in alive for kind in node.accelerators})
        return f"no node has that kind, there are: {', '.join(kinds) or 'none'}"
    cpus, gpus = max(((node.cpus, node.gpus) for node in nodes), key=lambda both: both[::-1], default=(0, 0))
    return f"the largest of {len(nodes)} nodes has {cpus:g} and {gpus:g}"
