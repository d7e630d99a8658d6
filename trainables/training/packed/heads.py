"""Heads that one program trains: which share a shape, and how many fit the memory of a device."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise

from trainables.hyperparameters import EXACT, HYPERPARAMETERS, Sharing
from trainables.training.pass_rows import FEATURE_ROWS
from trainables.training.validation_metrics import VALIDATION_BATCH
from trainables.trial import TrialConfig

# weights, gradients, Adam's two moments, and what is to replace some: 64 heads took 7 % more of an H200 than
# was reckoned with four
PARAMETER_ARRAYS = 5
ACTIVATION_ARRAYS = 8  # of a batch at each width: what a step keeps for the gradient, and the gradients


def shape_of(config: TrialConfig) -> Hashable:
    """Returns the shape that configurations share where one pack can train them.

    That is all but what the table of hyperparameters calls a number of the program's data, such as the
    backbone, the widths and the batch size, and whether there is L2 at all.
    """
    shape: list[Hashable] = []
    for row in HYPERPARAMETERS.values():
        if row.sharing is Sharing.NONE:
            shape.append(getattr(config, row.name))
        if row.sharing is Sharing.WHERE_SET:
            shape.append(getattr(config, row.name) > 0)
    return tuple(shape)


def group_by_shape(configs: Sequence[TrialConfig]) -> tuple[tuple[TrialConfig, ...], ...]:
    """Returns the configurations in groups of one shape, groups and members in the order given."""
    groups: dict[Hashable, list[TrialConfig]] = {}  # widths are not padded: BatchNorm would have to be masked
    for config in configs:
        groups.setdefault(shape_of(config), []).append(config)
    return tuple(tuple(group) for group in groups.values())


def pack_size(
    config: TrialConfig, features: int, memory_bytes: float, *, classes: int = 2, rows: int = 0
) -> int:
    """Returns how many heads of the shape of `config` for so many classes fit `memory_bytes`, at least 1.

    `features` is the length of a row of inputs; their matrix, of so many `rows`, lies beside the heads.
    """
    widths, outputs = (features, *config.hidden_units), 1 if classes == 2 else classes
    kernels = sum((below + 1) * above for below, above in pairwise((*widths, outputs)))
    parameters = kernels + 4 * sum(widths)  # BatchNorm's
    seen = sum(widths) if classes == 2 else sum(widths) + classes
    activations = max(ACTIVATION_ARRAYS * config.batch_size, 2 * VALIDATION_BATCH) * seen
    if config.bn_statistics == EXACT:  # which are of all rows: what a layer reads and what it makes of them
        activations += FEATURE_ROWS * max(
            map(sum, pairwise((*config.hidden_units, outputs))), default=outputs
        )
    member_bytes = 4 * (PARAMETER_ARRAYS * parameters + activations)
    return max(1, int((memory_bytes - 4 * rows * features) // member_bytes))
