"""python -m trainables.backbones: the backbones with their input sizes and parameter counts."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from trainables.backbones.cost import known_cost
from trainables.backbones.table import BACKBONES, Backbone, find_backbone


@dataclass(frozen=True, kw_only=True)
class BackbonesOptions:
    """The backbones to list, all of the table without any; `measure` times each, `json` prints an array."""

    names: Sequence[str] = ()
    measure: bool = False
    json: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table of backbones; returns 0 done, 1 failed, told in one line, 2 wrong usage."""
    return exit_code(lambda: _list(_parser().parse_into(BackbonesOptions, argv)))


def _list(options: BackbonesOptions) -> None:
    listed = [find_backbone(name) for name in options.names] or BACKBONES
    rows = [_row(backbone, measure=options.measure) for backbone in listed]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows)


def _row(backbone: Backbone, *, measure: bool) -> dict[str, Any]:
    # imports Keras; --help does without
    from trainables.training.parameter_counts import images_per_second, parameter_counts

    cost = known_cost(backbone)
    timed = measure and backbone.frozen and not backbone.parts
    return {
        "name": backbone.name,
        "input_px": backbone.input_px,
        "frozen": backbone.frozen,
        "hidden_units": list(backbone.hidden_units),
        **asdict(parameter_counts(backbone)),
        "gflop": cost and cost.gflop,
        "images_per_second": images_per_second(backbone) if timed else None,
    }


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0))  # one column more would cut names off on 80
    table.add_column("backbone", no_wrap=True)
    table.add_column("head", no_wrap=True)
    measured = any(row["images_per_second"] for row in rows)
    for title in ("px", "weights", "of the head", "GFLOP", *["images/s"] * measured):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        counts = (f"{row[name]:,}" for name in ("total", "trainable"))
        head = "/".join(map(str, row["hidden_units"]))
        costs = [_short(row["gflop"]), *[_short(row["images_per_second"])] * measured]
        table.add_row(row["name"], head, str(row["input_px"]), *counts, *costs)
    console = text_console()
    console.print(table)
    console.print("GFLOP: the arithmetic of an image in the frozen backbone")
    console.print("keras:<Name> is any other model of keras.applications, such as keras:EfficientNetB0.")


def _short(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:.3g}"


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m trainables.backbones",
        description="Lists the backbones: the default head of each, the side of its input in pixels, its "
        "number of parameters with that head, and its arithmetic per image.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="BACKBONE",
        help="backbones to list, such as keras:EfficientNetB0 (default: those of the table)",
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="measure the images per second of each on this machine, with random weights",
    )
    parser.add_json("array")
    return parser


if __name__ == "__main__":
    sys.exit(main())
