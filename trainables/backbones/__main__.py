"""python -m trainables.backbones: the backbones with their input sizes and parameter counts."""

# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from data_prep.command_line.completion import completing
from data_prep.command_line.parser import CommandParser
from trainables.backbones.table import BACKBONES, Backbone
from trainables.backbones.weights import build_application


@dataclass(frozen=True)
class ParameterCounts:
    """Weights of a backbone and its default head; `total` is the sum of the other two."""

    total: int
    trainable: int
    non_trainable: int


def parameter_counts(backbone: Backbone) -> ParameterCounts:
    """Returns how many weights the backbone with its default head has, without allocating them."""
    import keras

    from trainables.training.network import Architecture, build_network

    with keras.StatelessScope(initialize_variables=False):
        body = build_application(backbone, None) if backbone.frozen else None
        shape = (body.output_shape[-1],) if body else (backbone.input_px, backbone.input_px, 3)
        head = build_network(Architecture(shape, backbone.hidden_units, has_dropout=False, has_l2=False))
    keras.utils.clear_session()  # else Keras allocates these weights with the next model, after all
    trainable = _size(head.trainable_weights)
    non_trainable = _size(head.non_trainable_weights) + (_size(body.weights) if body else 0)
    return ParameterCounts(trainable + non_trainable, trainable, non_trainable)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table of backbones and returns the exit code."""
    arguments = completing(_parser()).parse_args(argv)
    rows = [_row(backbone) for backbone in BACKBONES]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows)
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m trainables.backbones",
        description="The backbones with their input size and their parameters with the default head.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON array on standard output")
    return parser


def _row(backbone: Backbone) -> dict[str, Any]:
    return {
        "name": backbone.name,
        "input_px": backbone.input_px,
        "frozen": backbone.frozen,
        "hidden_units": list(backbone.hidden_units),
        **asdict(parameter_counts(backbone)),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("backbone", no_wrap=True)
    table.add_column("head", no_wrap=True)
    for title in ("input px", "total", "trainable", "non-trainable"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        counts = (f"{row[name]:,}" for name in ("total", "trainable", "non_trainable"))
        head = "/".join(map(str, row["hidden_units"]))
        table.add_row(row["name"], head, str(row["input_px"]), *counts)
    console = Console()
    console.print(table)
    console.print("keras:<Name> takes any other model of keras.applications, such as keras:EfficientNetB0.")


def _size(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


if __name__ == "__main__":
    sys.exit(main())
