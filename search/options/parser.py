"""Command line of python -m search.run: a parser that is made from the groups of options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any, NoReturn

from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from search.options.conflicts import require_consistent, require_places
from search.options.option import Option, OptionGroup, name_of, options_in
from search.options.search_options import GROUPS, SearchOptions, keyword_of
from search.options.study_file import wishes_of
from search.options.types import offer, offer_studies
from trainables.hyperparameters import BY_WORD

_EPILOG = """\
examples:
  python -m search.run --stage lr
  python -m search.run --stage lr --data mine.parquet --values 0.03,0.01,0.003
  python -m search.run --stage lr --data mine.parquet --backbone resnet50_v2
  python -m search.run --stage all --data adience.parquet --repeats auto
  python -m search.run --mode joint --search tpe --num-samples 40 --ranges
  python -m search.run --stage finetune --data adience.parquet --repeats 3
  python -m search.run --stage lr --dry-run
  python -m search.run study.toml --repeats auto

The same command again continues a study where it was stopped; a finished trial is never trained twice.
exit codes: 0 done, 1 failed, told in one line on standard error, 2 wrong usage, 130 interrupted
"""


def parse_options(argv: Sequence[str] | None) -> SearchOptions:
    """Returns the options in `argv`, checked against each other; wrong usage and --help end in SystemExit."""
    return _parser().parse_into(_consistent, argv)


def read_options(argv: Sequence[str]) -> SearchOptions:
    """Returns the options in `argv` without a word on the terminal; raises InputError for wrong usage."""
    return _parser(_SilentParser).parse_into(_consistent, argv)


def _consistent(study_file: Path | None = None, **typed: Any) -> SearchOptions:
    if study_file is not None:
        typed = wishes_of(study_file, typed)
    options = SearchOptions.of(**typed)
    require_consistent(options)
    require_places(options)
    return options


class _SilentParser(CommandParser):
    """A parser whose wrong usage is an InputError, for commands that another version may have written."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def _parser(kind: type[CommandParser] = CommandParser) -> CommandParser:
    parser = kind(
        prog="python -m search.run",
        usage="python -m search.run (--stage NAME | --mode joint | STUDY.toml) [options]",
        description="Tunes hyperparameters by stages or jointly: trains what is missing, names the winner.",
        epilog=_EPILOG,
        other_words={row.name: word for word, row in BY_WORD.items()},
        argument_default=argparse.SUPPRESS,  # what is not typed has the default of its group
    )
    parser.add_argument(
        "study_file",
        nargs="?",
        type=Path,
        default=None,
        metavar="STUDY.toml",
        help="study file; an option that is typed here overrides the file's",
    )
    _add(parser, SearchOptions)
    for group in GROUPS.values():
        _add(parser.add_argument_group(group.title), group)
    return parser


def _add(place: Any, group: type[OptionGroup]) -> None:
    for item, known in options_in(group):
        traits: dict[str, Any]
        if known.is_switch:
            traits = {"action": argparse.BooleanOptionalAction if item.default else "store_true"}
        elif known.is_list:
            traits = {"action": "append", "metavar": known.metavar}
        else:
            traits = {"type": known.parse, "choices": known.choices or None, "metavar": known.metavar}
        name, help = f"--{name_of(item)}", _help(item, known)
        typed = place.add_argument(name, dest=keyword_of(item), help=help, **traits)
        if known.offers:
            offer(typed, *known.offers)
        if keyword_of(item) in ("study", "start_from"):
            offer_studies(typed)


def _help(item: Field[Any], known: Option) -> str:
    default = known.default_text
    if default is None and item.default not in (None, False):
        default = known.show(item.default)
    text = known.help if default is None else f"{known.help} (default: {default})"
    return text.replace("%", "%%")  # argparse formats it
