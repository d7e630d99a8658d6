"""GPUs as Keras sees them, asked on the nodes that offer them before the first trial: Ray counts them."""

from __future__ import annotations

import sys

import ray

from data_prep.errors import InputError
from search.ray_tune.nodes import ANSWER_S, answer_of, ask, nodes_alive
from search.ray_tune.preflight import Node, Share
from trainables import errands
from trainables.backends import Gpu

GIB = 2**30


def require_gpus(keras_backend: str, share: Share) -> list[int]:
    """Says which GPU Keras sees on each node that offers the share.

    Returns the bytes that a trial may take of each, as far as that is known. A node whose GPUs are all at
    work is not waited for: its first trial asks. Raises InputError where Keras sees none on a node: its
    trials would train on the CPU, for hours and without a word.
    """
    nodes = [node for node in nodes_alive() if node.gpus >= share.gpus and share.is_kind_of(node)]
    gpus = share.gpus
    asked = {node: ask(node, errands.gpus_here, keras_backend, 1, gpus, gpus=gpus) for node in nodes}
    ended, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=ANSWER_S)
    found: list[Gpu] = []
    for node, task in asked.items():
        if task in ended:
            seen = answer_of(node, task)
            _require_any(seen, keras_backend, node)
            print(f"gpu       {node}: {_in_words(seen[0])}", file=sys.stderr)
            found.append(seen[0])
        else:
            ray.cancel(task, force=True)
    return [gpu.memory_bytes for gpu in found if gpu.memory_bytes]


def _require_any(gpus: tuple[Gpu, ...], keras_backend: str, node: Node) -> None:
    if not gpus:
        raise InputError(
            f"Keras on {keras_backend} sees no GPU on {node}, where Ray counts {node.gpus:g}; install CUDA's "
            "libraries there with pip install '.[gpu]' from a checkout, see that nvidia-smi shows the GPU, "
            "or leave out --gpus-per-trial"
        )


def _in_words(gpu: Gpu) -> str:
    return f"{gpu.kind}, {gpu.memory_bytes / GIB:.1f} GiB for a trial" if gpu.memory_bytes else gpu.kind
