"""What a user may type behind an option: text becomes a value, or a sentence on what was wrong with it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.remote import is_address, located
from search.space.stages import AUTO_REPEATS
from search.study.layout import names_in

ONLINE, OFFLINE, DISABLED = "online", "offline", "disabled"
WANDB_AUTO = "auto"  # online where a key is configured
WANDB_MODES = (WANDB_AUTO, ONLINE, OFFLINE, DISABLED)
WANDB_PROJECT = "stagewise"
STORAGE = Path("results")


def add_storage(group: Any) -> None:
    """Adds --storage, below which studies lie, to a parser or a group of one."""
    group.add_argument(
        "--storage",
        type=place,
        default=STORAGE,
        metavar="DIR",
        help="of studies; a folder, or an address such as s3://bucket/results (default: %(default)s)",
    )


def add_study(parser: argparse.ArgumentParser) -> None:
    """Adds a study that is there, and --storage."""
    study = parser.add_argument(
        "study", metavar="STUDY", help="a name below the storage, or a study's folder"
    )
    offer_studies(study)
    add_storage(parser)


def offer(option: Any, *words: str) -> None:
    """Makes the shell complete what is typed for `option` to one of `words`."""
    option.completer = lambda prefix, **_: [word for word in words if word.startswith(prefix)]


def offer_studies(option: Any) -> None:
    """Makes the shell complete what is typed for `option` to the name of a study of --storage."""
    option.completer = _studies


def _studies(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    storage = getattr(parsed_args, "storage", STORAGE)  # the dashboard has no such option
    return [name for name in names_in(storage) if name.startswith(prefix)]


def place(text: str) -> Path:
    """Returns the path of a file or folder, or of the copy of what has an address such as s3://bucket/a."""
    try:
        return located(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """Returns what reads a text for which `check` raises no InputError."""

    def text_that_passes(text: str) -> str:
        try:
            check(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return text_that_passes


def study_name(text: str) -> str:
    """Returns the name of a folder, which is not a path."""
    if text in ("", ".", "..") or "/" in text:
        raise argparse.ArgumentTypeError(f"a name of a folder below --storage, received {text!r}")
    return text


def local_folder(text: str) -> Path:
    """Returns the path of a folder on this machine."""
    if is_address(text):
        raise argparse.ArgumentTypeError(f"must be a folder of the machine's own disk, received {text!r}")
    return Path(text)


def widths(text: str) -> tuple[int, ...]:
    """Returns the widths of dense blocks, such as 512/256/128."""
    try:
        return tuple(int(width) for width in text.replace(",", "/").split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"widths are whole numbers such as 512/256/128, received {text!r}"
        ) from None


def at_least(least: int) -> Callable[[str], int]:
    """Returns what reads a whole number from `least`."""

    def whole_number(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}, received {text!r}")
        return number

    return whole_number


def repeats(text: str) -> int | str:
    """Returns a number of seeds, or "auto"."""
    return AUTO_REPEATS if text == AUTO_REPEATS else at_least(1)(text)


def seconds(text: str) -> float:
    """Returns a time in seconds, from one such as 90s, 30m or 2h."""
    units = {"s": 1, "m": 60, "h": 3600}
    try:
        time_s = float(text[:-1]) * units[text[-1]] if text[-1:] in units else float(text)
    except ValueError:
        time_s = 0.0
    if not 0 < time_s < float("inf"):
        raise argparse.ArgumentTypeError(f"a time is a number with s, m or h, such as 30m, received {text!r}")
    return time_s


def gpus(text: str) -> float:
    """Returns a share of a GPU, or a number of whole ones."""
    share = _number(text)
    if not 0 <= share < 1024 or (share > 1 and share != int(share)):
        raise argparse.ArgumentTypeError(f"must be a share up to 1 or a whole number, received {text!r}")
    return share


def rate(text: str) -> float:
    """Returns a positive number."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"a rate is a positive number, received {text!r}")
    return number


def _number(text: str) -> float:
    """Returns the number that `text` spells, NaN where it spells none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
