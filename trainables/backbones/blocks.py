"""The blocks of a backbone, from its graph, and which of them are trained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import keras

from data_prep.errors import InputError
from trainables.hyperparameters import ALL_BLOCKS

# What ends a block, by the class of a layer; the first row that a network has
_ENDS = (
    {"Add", "Concatenate"},
    {"MaxPooling2D", "AveragePooling2D"},
    {"Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Dense"},
)


def unfreeze(model: keras.Model, blocks: int | str, *, train_batchnorm: bool) -> None:
    """Makes the last `blocks` blocks of the network trainable ("all": the whole of it), the rest not.

    A BatchNorm layer that is not trained keeps its statistics, scale and offset, and works as in inference.
    Raises InputError where the network has fewer blocks.
    """
    trained = _names_in_last(model, blocks)
    model.trainable = True  # a network that is frozen as a whole hides what its layers train
    for layer in model.layers:
        is_batchnorm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name in trained and (train_batchnorm or not is_batchnorm)


def block_ends(model: keras.Model) -> list[str]:
    """Returns the names of the layers that end a block, in their order.

    A block ends where all paths through the network meet in a residual sum or a concatenation; in a network
    without such layers at its poolings, and in one without those at every layer with a kernel. What follows
    the last end belongs to the last block.
    """
    graph = model.get_config()["layers"]  # its nodes are of this network alone, and public
    meeting = [node for node, meets in zip(graph, _all_paths_meet(graph), strict=True) if meets]
    for kinds in _ENDS:
        if ends := [node["name"] for node in meeting if node["class_name"] in kinds]:
            return ends
    return []


def _names_in_last(model: keras.Model, blocks: int | str) -> set[str]:
    names = [node["name"] for node in model.get_config()["layers"]]
    ends = block_ends(model)
    # what lies before the first end is a part of the first block
    if blocks == ALL_BLOCKS or blocks == len(ends):
        return set(names)
    if int(blocks) > len(ends):
        raise InputError(
            f"{model.name} has {len(ends)} blocks, received {blocks}; use fewer, or {ALL_BLOCKS}"
        )
    return set(names[names.index(ends[-int(blocks) - 1]) + 1 :]) if blocks else set()


def _all_paths_meet(graph: list[dict[str, Any]]) -> list[bool]:
    """Tells of each layer of a serialised network whether every path from input to output goes through it."""
    numbers = {node["name"]: number for number, node in enumerate(graph)}
    last_user = [0] * len(graph)
    for number, node in enumerate(graph):
        for name in _inputs_of(node["inbound_nodes"]):
            last_user[numbers[name]] = number
    reached = itertools.accumulate(last_user[:-1], max, initial=0)  # by what lies before each layer
    return [far <= number for number, far in enumerate(reached)]


def _inputs_of(nodes: Any) -> Iterator[str]:
    """Yields the names of the layers whose outputs stand in the inbound nodes of a serialised layer."""
    if isinstance(nodes, list | tuple):
        for node in nodes:
            yield from _inputs_of(node)
    elif isinstance(nodes, dict):
        if nodes.get("class_name") == "__keras_tensor__":  # Keras 3 writes a tensor as [layer, node, output]
            yield nodes["config"]["keras_history"][0]
        else:
            yield from _inputs_of(list(nodes.values()))
