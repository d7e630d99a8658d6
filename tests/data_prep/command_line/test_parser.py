"""The parser of a command: the nearest word, and the version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import pytest

from data_prep.command_line.parser import CommandParser, did_you_mean
from data_prep.errors import InputError
from data_prep.storage.remote import located

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def parser() -> CommandParser:
    """A command with options and choices."""
    parser = CommandParser(prog="tune", other_words={"learning_rate": "lr", "nowhere": "elsewhere"})
    parser.add_argument("--stage", required=True, choices=["lr", "batch", "units"])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--cpus-per-trial", type=int)
    parser.add_argument("--seed", type=int, choices=[7, 70])
    return parser


@pytest.fixture
def parser_of_two() -> CommandParser:
    """A command with two subcommands."""
    parser = CommandParser(prog="build")
    subcommands = parser.add_subparsers(dest="data", required=True)
    subcommands.add_parser("folder", version=False).add_argument("--root")
    subcommands.add_parser("sample", version=False).add_argument("--photos")
    return parser


def refusal(parser: CommandParser, *words: str, capsys: Capture) -> str:
    """Returns the last line that wrong usage leaves on standard error."""
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(words)
    return capsys.readouterr().err.splitlines()[-1]


def test_known_options_are_parsed(parser: CommandParser) -> None:
    arguments = parser.parse_args(["--stage", "lr", "--epochs", "3"])
    assert vars(arguments) == {"stage": "lr", "epochs": 3, "cpus_per_trial": None, "seed": None}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--stage lr --epoch 3", "unrecognized arguments: --epoch 3; did you mean --epochs?"),
        ("--stage lr --epoch=3", "unrecognized arguments: --epoch=3; did you mean --epochs?"),
        ("--stage lr --cpus 2", "unrecognized arguments: --cpus 2; did you mean --cpus-per-trial?"),
        ("--stages lr", "are required: --stage; there is no option --stages; did you mean --stage?"),
        ("--stage lr --weather fine", "unrecognized arguments: --weather fine"),
        ("--weather fine", "arguments are required: --stage; there is no option --weather"),
    ],
)
def test_unknown_option_is_answered_with_the_nearest(
    parser: CommandParser, words: str, told: str, capsys: Capture
) -> None:
    assert refusal(parser, *words.split(), capsys=capsys).endswith(told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--stage learning_rate", "; did you mean lr?"),
        ("--stage Learning-Rate", "; did you mean lr?"),
        ("--stage learningrate", "; did you mean lr?"),
        ("--stage unit", "; did you mean units?"),
        ("--stage nowhere", "units')"),
        ("--stage lr --seed 71", "; did you mean 7?"),
    ],
)
def test_unknown_choice_is_answered_with_the_nearest(
    parser: CommandParser, words: str, told: str, capsys: Capture
) -> None:
    line = refusal(parser, *words.split(), capsys=capsys)
    assert "invalid choice: " in line
    assert line.endswith(told)


def test_sentence_of_a_type_is_told(capsys: Capture) -> None:
    parser = CommandParser(prog="build")
    parser.add_argument("--out", type=located)
    told = "argument --out: the address of bucket has a key in it, and addresses are printed; "
    assert told in refusal(parser, "--out", "s3://KEY:SECRET@bucket/a", capsys=capsys)


def test_version_is_that_of_the_package(parser: CommandParser, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="0"):
        parser.parse_args(["--version"])
    assert capsys.readouterr().out == f"stagewise {version('stagewise')}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("folder --roots a", "unrecognized arguments: --roots a; did you mean --root?"),
        ("folder --photo 3", "unrecognized arguments: --photo 3"),
        ("folder --version", "unrecognized arguments: --version"),
        (
            "folders --root a",
            "invalid choice: 'folders' (choose from 'folder', 'sample'); did you mean folder?",
        ),
    ],
)
def test_subcommand_has_options_of_its_own(
    parser_of_two: CommandParser, words: str, told: str, capsys: Capture
) -> None:
    assert (
        refusal(parser_of_two, *words.split(), capsys=capsys).replace("folder,", "'folder',").endswith(told)
    )


def test_nothing_near_is_no_hint() -> None:
    assert did_you_mean("weather", ["lr", "batch"]) == ""
    assert did_you_mean("", ["lr"]) == ""


@dataclass(frozen=True)
class Move:
    """Files to move into a folder, which is none of them."""

    folder: str
    files: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.folder in self.files:
            raise InputError(f"a folder is not moved into itself, received {self.folder}; name another")


@pytest.fixture
def mover() -> CommandParser:
    """A command whose options become a Move."""
    parser = CommandParser(prog="move")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--folder", required=True)
    return parser


def test_options_become_a_value(mover: CommandParser) -> None:
    assert mover.parse_into(Move, ["a", "--folder", "here", "b"]) == Move("here", ["a", "b"])


def test_broken_rule_of_a_value_is_wrong_usage(mover: CommandParser, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        mover.parse_into(Move, ["here", "--folder", "here"])
    told = "move: error: a folder is not moved into itself, received here; name another\n"
    assert capsys.readouterr().err.endswith(told)


def test_unknown_option_between_words_is_answered_with_the_nearest(
    mover: CommandParser, capsys: Capture
) -> None:
    with pytest.raises(SystemExit, match="2"):
        mover.parse_into(Move, ["a", "--folders", "here", "b"])
    assert capsys.readouterr().err.endswith("; did you mean --folder?\n")


def test_control_characters_of_a_word_are_told_as_escapes(mover: CommandParser, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        mover.parse_into(Move, ["--folder", "here", "--", "a", "--x\x1b[31m"])
    assert "\x1b" not in capsys.readouterr().err
