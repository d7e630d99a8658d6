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
from trainables.backbones.table import BACKBONES, Backbone


@dataclass(frozen=True, kw_only=True)
class BackbonesOptions:
    """The form of the table: text, or a JSON array."""

    json: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table of backbones; returns 0 done, 1 failed, told in one line, 2 wrong usage."""
    return exit_code(lambda: _list(_parser().parse_into(BackbonesOptions, argv)))


def _list(options: BackbonesOptions) -> None:
    rows = [_row(backbone) for backbone in BACKBONES]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows)


def _row(backbone: Backbone) -> dict[str, Any]:
    from trainables.training.parameter_counts import parameter_counts  # imports Keras; --help does without

    return {
        "name": backbone.name,
        "input_px": backbone.input_px,
        "frozen": backbone.frozen,
        "hidden_units": list(backbone.hidden_units),
        **asdict(parameter_counts(backbone)),
    }


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("backbone", no_wrap=True)
    table.add_column("head", no_wrap=True)
    for title in ("input px", "total", "trainable", "non-trainable"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        counts = (f"{row[name]:,}" for name in ("total", "trainable", "non_trainable"))
        head = "/".join(map(str, row["hidden_units"]))
        table.add_row(row["name"], head, str(row["input_px"]), *counts)
    console = text_console()
    console.print(table)
    console.print("keras:<Name> is any other model of keras.applications, such as keras:EfficientNetB0.")


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m trainables.backbones",
        description="Lists the backbones: the default head of each, the side of its input in pixels, and the "
        "number of its parameters with that head.",
        epilog="exit codes: 0 done, 1 failed, told in one line on standard error, 2 wrong usage",
    )
    parser.add_json("array")
    return parser


if __name__ == "__main__":
    sys.exit(main())
