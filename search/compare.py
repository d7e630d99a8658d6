"""python -m search.compare: staged against joint, of one study or several, on the same data."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from data_prep.command_line.console import print_warning, text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from search.options.types import STORAGE, add_storage, offer_studies
from search.output.search_summary import SearchSummary, compare_studies, describe_held_out
from search.space.labels import COMPARED, describe_config
from search.statistics.number_text import decimal
from search.study.study import Study
from trainables.trial import TrialConfig


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """The studies to compare, each by its name below `storage` or by its folder."""

    studies: Sequence[str]
    storage: Path = STORAGE
    json: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the comparison; returns 0 done, 1 failed, told in one line, 2 wrong usage."""
    return exit_code(lambda: _compare(_parser().parse_into(CompareOptions, argv)))


def _compare(options: CompareOptions) -> None:
    studies = [Study.find(name, options.storage).snapshot() for name in options.studies]
    for sentence in (sentence for study in studies for sentence in study.unread):
        print_warning(sentence)
    searches = compare_studies(studies)
    if options.json:
        print(json.dumps([asdict(search) for search in searches], indent=2))
    else:
        _print(searches, text_console())


def _print(searches: Sequence[SearchSummary], console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    read = any(search.held_out for search in searches)
    for name, side in (
        ("search", "left"),
        ("best", "right"),
        *[("held out", "right")] * read,
        ("runs", "right"),
        ("trials", "right"),
        ("trial s", "right"),
        ("winner", "left"),
    ):
        table.add_column(name, justify=side, overflow="fold")  # type: ignore[arg-type]
    for search in searches:
        winner = describe_config(TrialConfig.from_dict(search.winner), COMPARED)
        held_out = [decimal(search.held_out_mean)] * read
        cells = decimal(search.best), *held_out, str(search.runs), str(search.trials), f"{search.seconds:.0f}"
        table.add_row(Text(search.name), *cells, Text(f"{winner} ({search.verdict})"))
    console.print(table)
    for sentence in describe_held_out(searches):
        console.print(Text(sentence))
    for note in _notes_on(searches):
        console.print(note, style="dim")


def _notes_on(searches: Sequence[SearchSummary]) -> list[str]:
    notes = [
        "best: objective of the winner (mean validation accuracy), averaged over its runs",
        *["held out: the same on data that its search did not see, averaged over the parts"]
        * any(search.held_out for search in searches),
        "trial s: seconds of all trials of the search, added up",
    ]
    if any(search.best is None for search in searches):
        notes.append("-: the stages were run out of order, and no trial has all of the winner's values")
    if any(search.runs == 1 for search in searches):
        notes.append(
            "one run each: the best of many single runs is partly luck, and more so the more were tried"
        )
    return notes


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.compare",
        description="Staged search beside joint search, on the same data: the best objective of each, its "
        "trials, their seconds, and its winner.",
    )
    studies = parser.add_argument(
        "studies",
        nargs="+",
        metavar="STUDY",
        help="names of studies in --storage, or the paths of their folders",
    )
    offer_studies(studies)
    add_storage(parser)
    parser.add_json("array")
    return parser


if __name__ == "__main__":
    sys.exit(main())
