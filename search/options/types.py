"""The texts behind options: each becomes a value, or a sentence on the rule that it breaks."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.remote import is_address, located
from search.space.stages import AUTO_REPEATS
from search.study.layout import names_in
from trainables.hyperparameters import ALL_BLOCKS, number

ONLINE, OFFLINE, DISABLED = "online", "offline", "disabled"
WANDB_AUTO = "auto"  # online where a key is configured
WANDB_MODES = (WANDB_AUTO, ONLINE, OFFLINE, DISABLED)
WANDB_PROJECT = "stagewise"
STORAGE = Path("results")
_MOST_NAME_BYTES = 200  # of the 255 that systems take, as files are called like the study and something more
_NO_NAME = re.compile(
    r'[\x00-\x1f\x7f-\x9f\ud800-\udfff\\:*?"<>|]|^[\s-]|[\s.]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.I
)
_MOST = 2**31 - 1  # of a whole number: what 32 bits hold
Blocks = int | str  # how many of a backbone's last blocks, or "all"


def add_storage(parser: argparse.ArgumentParser) -> None:
    """Adds --storage, below which studies lie."""
    parser.add_argument(
        "--storage",
        type=located,
        default=STORAGE,
        metavar="DIR",
        help="folder of the studies, or an address such as s3://bucket/results (default: %(default)s)",
    )


def add_study(parser: argparse.ArgumentParser) -> None:
    """Adds a study that is there, and --storage."""
    study = parser.add_argument(
        "study", metavar="STUDY", help="name of a study in --storage, or the path of its folder"
    )
    offer_studies(study)
    add_storage(parser)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds a finished model, and --storage."""
    model = parser.add_argument(
        "model",
        metavar="MODEL_OR_STUDY",
        help="path of a .keras file, or a study with a final model (winner/model.keras): its name in "
        "--storage or the path of its folder",
    )
    offer_studies(model)
    add_storage(parser)


def offer(option: Any, *words: str) -> None:
    """Makes the shell complete what is typed for `option` to one of `words`."""
    # argcomplete looks for this attribute of an argparse action
    option.completer = lambda prefix, **_: [word for word in words if word.startswith(prefix)]


def offer_studies(option: Any) -> None:
    """Makes the shell complete what is typed for `option` to the name of a study of --storage."""
    option.completer = _studies


def _studies(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    storage = getattr(parsed_args, "storage", STORAGE)  # the dashboard has no such option
    return [name for name in names_in(storage) if name.startswith(prefix)]


def checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """Returns a function that returns a text for which `check` raises no InputError."""

    def text_that_passes(text: str) -> str:
        check(text)
        return text

    return text_that_passes


def study_name(text: str) -> str:
    """Returns the name of a folder that any system takes, and which is not a path."""
    if text in ("", ".", "..") or "/" in text:
        raise InputError(f"must be the name of a folder, not a path, received {text!r}")
    if _NO_NAME.search(text) or len(os.fsencode(text)) > _MOST_NAME_BYTES:
        raise InputError(
            f"must be a name that any system takes: at most {_MOST_NAME_BYTES} bytes, no control character, "
            f'none of \\ : * ? " < > |, no - in front, no blank at an end, no full stop at its end, and not '
            f"the name of a device of Windows, received {text!r:.100}"
        )
    return text


def tracking_address(text: str) -> str:
    """Returns the address of an MLflow server; one with a password would stand in the study's files."""
    if not text.startswith(("http://", "https://")):
        raise InputError(f"must be an address such as http://localhost:5000, received {text!r}")
    if "@" in text:
        raise InputError("must have no password in it; give MLFLOW_TRACKING_USERNAME and _PASSWORD instead")
    return text


def ray_address(text: str) -> str:
    """Returns the address of a Ray cluster that this process can be part of."""
    if text.startswith("ray://"):  # callbacks would be pickled into the client's server, and miss their state
        raise InputError(
            f"a search cannot be led through Ray's client, received {text}; run it on the cluster "
            "(ray job submit -- python -m search.run --address auto), or give the head's HOST:6379"
        )
    return text


def local_folder(text: str) -> Path:
    """Returns the path of a folder on this machine."""
    if is_address(text):
        raise InputError(f"must be a folder of the machine's own disk, received {text!r}")
    return located(text)


def depths(text: str) -> tuple[Blocks, ...]:
    """Returns the depths of fine-tuning in `text`, such as head,blocks:2: 0 for the head alone."""
    return tuple(_depth(part.strip()) for part in text.split(","))


def show_depths(blocks: tuple[Blocks, ...]) -> str:
    """Returns the text that `depths` reads."""
    words = {0: "head", ALL_BLOCKS: ALL_BLOCKS}
    return ",".join(words.get(count, f"blocks:{count}") for count in blocks)


def _depth(text: str) -> Blocks:
    if text == "head":
        return 0
    if text in (ALL_BLOCKS, f"blocks:{ALL_BLOCKS}"):
        return ALL_BLOCKS
    count = text.removeprefix("blocks:")
    if count == text or not count.isdecimal() or not int(count):
        raise InputError(f"a depth is head, blocks:N (N from 1) or all, received {text!r}")
    return int(count)


def at_least(least: int) -> Callable[[str], int]:
    """Returns a function that reads a whole number from `least`."""

    def from_least(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1  # fails below: one sentence for a word and for a number too small
        if not least <= number <= _MOST:
            end = f" to {_MOST:,}" if number > _MOST else ""
            raise InputError(f"must be a whole number from {least}{end}, received {text!r:.100}")
        return number

    return from_least


def repeats(text: str) -> int | str:
    """Returns a number of seeds, or "auto"."""
    return AUTO_REPEATS if text == AUTO_REPEATS else at_least(1)(text)


def seconds(text: str) -> float:
    """Returns a time in seconds, from one such as 90s, 30m or 2h."""
    units = {"s": 1, "m": 60, "h": 3600}
    try:
        time_s = float(text[:-1]) * units[text[-1]] if text[-1:] in units else float(text)
    except ValueError:
        time_s = 0.0  # fails below, as do nan and inf
    if not 0 < time_s <= _MOST:
        raise InputError(f"a time is a number with s, m or h, such as 30m, received {text!r:.100}")
    return time_s


def show_seconds(time_s: float) -> str:
    """Returns the text that `seconds` reads, in the largest unit that needs no fraction."""
    for unit, length in (("h", 3600), ("m", 60)):
        if time_s % length == 0:
            return f"{time_s / length:.0f}{unit}"
    return f"{time_s:g}s"


def gpus(text: str) -> float:
    """Returns a share of a GPU, or a number of whole ones."""
    share = _number(text)  # NaN fails each comparison
    if not 0 <= share < 1024 or (share > 1 and share != int(share)):
        raise InputError(f"must be a share up to 1 or a whole number, received {text!r}")
    return share


def rate(text: str) -> float:
    """Returns a positive number."""
    rate_ = _number(text)
    if not 0 < rate_ < math.inf:
        raise InputError(f"a rate is a positive number, received {text!r}")
    return rate_


def margin(text: str) -> float:
    """Returns the share, from 0 to below 1, that `text` spells; raises InputError for anything else."""
    value = number(text)
    if not 0 <= value < 1:
        raise InputError(f"must be a share from 0 to below 1, such as 0.005, received {text!r}")
    return value


def _number(text: str) -> float:
    """Returns the number that `text` spells, NaN where it spells none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
