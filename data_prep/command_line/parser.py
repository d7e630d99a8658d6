"""The parser of a command: argparse's, which also names the nearest word that exists, and the version."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from data_prep.command_line.console import text_console
from data_prep.command_line.names import cleaned, shortened
from data_prep.errors import InputError

Options = TypeVar("Options")


_EXIT_CODES = (
    "exit codes: 0 done, 1 failed, told in one line on standard error, 2 wrong usage, 130 interrupted"
)


class CommandParser(argparse.ArgumentParser):
    """A parser that helps: an unknown option or choice is answered with the nearest one that exists.

    `other_words` maps what people call a choice to what it is called here ({"learning_rate": "lr"}).
    `--version` prints the version of the installed package; a parser of a subcommand goes without it
    (`version=False`). Options are written in full. Where the type of an option raises InputError, its
    sentence is told.
    """

    def __init__(
        self, *, other_words: Mapping[str, str] | None = None, version: bool = True, **settings: Any
    ) -> None:
        # an abbreviation in a script would break as soon as a second option began like it
        usual = {"formatter_class": _Lines, "epilog": _EXIT_CODES if version else None}
        super().__init__(allow_abbrev=False, **{**usual, **settings})
        self._other_words = other_words or {}
        self._received: Sequence[str] = ()
        if version:
            self.add_argument("--version", action=_Version, help="version of this program")

    def add_json(self, kind: str = "object") -> None:
        """Adds --json, with which a command prints for scripts."""
        self.add_argument(
            "--json", action="store_true", help=f"one JSON {kind} on standard output, instead of text"
        )

    def parse_into(self, made: Callable[..., Options], argv: Sequence[str] | None) -> Options:
        """Returns what `made` makes of the values of the options; its InputError is told as wrong usage.

        Options may stand between words of a list. Ends the process where a shell asks for completions.
        """
        completing(self)
        # only for lists: argparse forgets the default of a single word while it parses in this way
        parse = self.parse_intermixed_args if self._has_list() else self.parse_args
        typed = vars(parse(argv))
        try:
            return made(**typed)
        except InputError as error:
            self.error(str(error))

    def _has_list(self) -> bool:
        return any(action.nargs in ("*", "+") for action in self._get_positional_actions())

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Returns the values of the options, and the words that are none."""
        self._received = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Prints `message` with the nearest names of unknown options, and ends the process with 2."""
        told = f"{self.prog}: error: {cleaned(shortened(message + self._unknown_options(message)))}"
        self.print_usage(sys.stderr)
        text_console(stderr=True).print(told, soft_wrap=True)  # words whole where a terminal ends
        self.exit(2)

    def _unknown_options(self, message: str) -> str:
        # whatever argparse complains of first: with `--stages lr` it misses the required --stage
        known = self._known_options()
        names = [word.partition("=")[0] for word in self._received if word.startswith("--") and word != "--"]
        return "".join(
            ("" if name in message else f"; there is no option {name}") + did_you_mean(name, known)
            for name in names
            if name not in known
        )

    def _known_options(self) -> set[str]:
        below = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        subcommands = {word: parser for action in below for word, parser in action.choices.items()}
        # all of them, where the word for one of them is the one that is misspelt
        asked = [subcommands[word] for word in self._received if word in subcommands] or subcommands.values()
        return {name for parser in (self, *asked) for name in parser._option_string_actions}

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            # of any ValueError but its own argparse tells only that the value is invalid
            if isinstance(error.__context__, InputError):
                raise argparse.ArgumentError(action, str(error.__context__)) from None
            raise

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()), self._other_words)
            raise


def completing(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Returns `parser`; where a shell asks for completions instead, answers it and ends the process.

    The shell has to be told once: `source <(activate-global-python-argcomplete --dest=-)`. It then looks for
    the marker PYTHON_ARGCOMPLETE_OK in a module before it asks it, so that no other program is ever run.
    """
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    return parser


def did_you_mean(word: str, known: Iterable[str], other_words: Mapping[str, str] | None = None) -> str:
    """Returns "; did you mean NAME?" for the nearest to `word` of the `known` names, "" where none is near.

    `other_words` maps what people say instead to such a name. Capitals, dashes and underscores are alike.
    """
    names = {_plain(name): name for name in known}
    others = {_plain(other): name for other, name in (other_words or {}).items() if name in names.values()}
    for near in _nearest(_plain(word), [*others, *names]):
        return f"; did you mean {(others | names)[near]}?"
    return ""


def _nearest(word: str, known: Sequence[str]) -> list[str]:
    """Returns the nearest of the words, if any: the word itself, one that it begins, or one like it."""
    begun = sorted(name for name in known if word and name.startswith(word))
    return begun[:1] or difflib.get_close_matches(word, known, n=1)


def _plain(word: str) -> str:
    return word.lower().strip("-").replace("_", "-")


class _Lines(argparse.HelpFormatter):
    """Formatter that keeps the lines of a text, and breaks them where the terminal ends."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        del indent
        return "\n".join(
            textwrap.fill(line, width + 2, subsequent_indent="    " if line.startswith(" ") else "")
            for line in text.splitlines()
        )


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        # no value of its own, so that what a parser returns does not have it either
        super().__init__(
            option_strings, argparse.SUPPRESS, nargs=0, **{**settings, "default": argparse.SUPPRESS}
        )

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # every other start of a command does without

        print(f"stagewise {version('stagewise')}")
        parser.exit()
