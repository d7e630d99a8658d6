"""python -m search.show: how a study stands, what its stages found, and the next command to run."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.command_line.console import print_warning, text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from search.options.types import STORAGE, add_study
from search.output.overview import overview_json, print_overview
from search.study.study import Study


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """A study to show, by its name below `storage` or by its folder."""

    study: str
    storage: Path = STORAGE
    json: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Shows a study; returns 0 done, 1 failed, told in one line, 2 wrong usage."""
    return exit_code(lambda: _show(_parser().parse_into(ShowOptions, argv)))


def _show(options: ShowOptions) -> None:
    snapshot = Study.find(options.study, options.storage).snapshot(trials=False)
    for sentence in snapshot.unread:
        print_warning(sentence)
    if snapshot.check_advice:
        print_warning(snapshot.check_advice)
    if options.json:
        print(json.dumps(overview_json(snapshot), indent=2))
    else:
        print_overview(snapshot, text_console())


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.show",
        description="Shows a study: its state, the tables of its stages, and the next command to run.",
    )
    add_study(parser)
    parser.add_json()
    return parser


if __name__ == "__main__":
    sys.exit(main())
