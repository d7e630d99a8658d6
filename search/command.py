"""stagewise: all commands of this project behind one word, also where the current folder has a search.py."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from data_prep.command_line.exit_codes import end_process, exit_code
from data_prep.command_line.parser import CommandParser, completing

COMMANDS: Mapping[str, tuple[str, str]] = {
    "build": ("data_prep.build", "manifest of your images"),
    "audit": ("search.audit.__main__", "what is wrong with the images and labels of a manifest"),
    "run": ("search.run", "search, stage by stage or joint, up to the final model"),
    "show": ("search.show", "state and tables of a study, and the next command"),
    "dashboard": ("search.dashboard.__main__", "live page on your studies"),
    "report": ("search.report.__main__", "report on a study, as a page and as Markdown"),
    "check": ("search.check.__main__", "whether all files of a study are as they were written"),
    "compare": ("search.compare", "comparison of staged and joint search"),
    "predict": ("search.predict", "answers of the final model for photographs"),
    "export": ("search.export", "final model for other runtimes"),
}
"""The module of each command, which python -m runs as well, and what it gives."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that `argv` begins with; returns its exit code, 2 for no such command."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:
        words = _words_before_cursor()
    if words and words[0] in COMMANDS:
        module, _ = COMMANDS[words[0]]
        return int(importlib.import_module(module).main(words[1:]))
    return exit_code(lambda: completing(_parser()).parse_args(words))


def stagewise() -> NoReturn:
    """Runs the command of this process's own words, and ends with its exit code."""
    end_process(main())


def _words_before_cursor() -> list[str]:
    """Returns the whole words after stagewise, where a shell asks how the line goes on."""
    words = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])].split(" ")[1:-1]
    if words:  # the parser of that command answers, which must not see the word stagewise
        os.environ["_ARGCOMPLETE"] = str(int(os.environ["_ARGCOMPLETE"]) + 1)
    return words


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="stagewise",
        description="Hyperparameter search for image classifiers with Keras on Ray Tune.",
        epilog="stagewise COMMAND --help lists the options of a command",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (_, gives) in COMMANDS.items():
        commands.add_parser(name, help=gives, version=False)
    return parser


if __name__ == "__main__":
    stagewise()
