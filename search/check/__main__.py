"""python -m search.check: whether all files of a study are as they were written."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.command_line.console import print_warning
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from search.options.types import STORAGE, add_study
from search.study.holding.held import held
from search.study.study import Study


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """A study to check, by its name below `storage` or by its folder; `repair` puts aside what is damaged."""

    study: str
    storage: Path = STORAGE
    repair: bool = False
    json: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Checks a study; returns 0 whole or put aside, 1 damaged, 2 wrong usage."""
    return exit_code(lambda: _check(_parser().parse_into(CheckOptions, argv)))


def _check(options: CheckOptions) -> None:
    from search.check.checking import check, put_damaged_aside  # slow to import: --help does without

    folder = Study.find(options.study, options.storage).folder
    # only who holds a study may move its files
    with held(folder) if options.repair else contextlib.nullcontext():
        checked = check(folder)
        aside = put_damaged_aside(checked) if options.repair else []
    for finding in checked.findings:
        print_warning(finding.sentence)
    if options.json:
        print(json.dumps({**checked.to_dict(), "put_aside": list(map(str, aside))}, indent=2))
    else:
        moved = f", {len(aside)} put aside" if aside else ""
        print(f"{checked.files} files, {len(checked.findings)} damaged{moved}")
    left = len(checked.findings) - len(aside)
    if left:
        way_out = "restore it from a copy" if options.repair else f"python -m search.check {folder} --repair"
        raise InputError(f"{left} of the files of {folder} cannot be used; {way_out}")


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.check",
        description="Checks a study: every file against its digest and its neighbours.",
        epilog="exit codes: 0 all is whole or put aside, 1 something is damaged, 2 wrong usage",
    )
    add_study(parser)
    parser.add_argument(
        "--repair",
        action="store_true",
        help="put aside what is damaged and can be made again, as FILE.damaged; the next run makes it",
    )
    parser.add_json()
    return parser


if __name__ == "__main__":
    sys.exit(main())
