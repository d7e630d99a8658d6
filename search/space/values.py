"""Values to try: texts such as `lr=0.03,0.01` or `lr=1e-4..1e-1:log` become lists and ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from data_prep.command_line.parser import did_you_mean
from data_prep.errors import InputError
from trainables.backbones.table import find_backbone
from trainables.hyperparameters import BY_WORD, LINEAR, NUMBER, WHOLE, Hyperparameter, Range

Values: TypeAlias = "tuple[Any, ...] | Range"
"""The values of a hyperparameter, or its range."""

RANGE, LOG = "..", "log"  # 1e-4..1e-1:log, or with a count 1e-4..1e-1:log:4
DIGITS = 6  # of the numbers that a range with a count is cut into


def row_of(word: str) -> Hyperparameter:
    """Returns the hyperparameter that a user calls `word`; raises InputError for a word that is none."""
    if word not in BY_WORD:
        others = {row.name: row.word for row in BY_WORD.values()}
        raise InputError(
            f"a hyperparameter to vary is one of {', '.join(BY_WORD)}, received {word!r}"
            f"{did_you_mean(word, BY_WORD, others)}"
        )
    return BY_WORD[word]


def read_values(word: str, given: object) -> Values:
    """Returns what is to be tried of the hyperparameter called `word`: of a text, or of a list of values.

    Raises InputError where it is empty, has a value twice, or one that the hyperparameter cannot have.
    """
    row = row_of(word)
    parts = _parts(row, given)
    if len(parts) == 1 and RANGE in parts[0]:
        return _range(row, parts[0])
    values = tuple(_value(row, part) for part in parts)
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{word} has the value {show_value(value)} twice; leave one out")
    return values


def texts_of(given: object) -> tuple[str, ...]:
    """Returns the texts that mean `given`: a text for each hyperparameter, such as "lr=0.03,0.01".

    A list without names is one text; it belongs to the stage that is run. Raises InputError for a text with a
    name that is wrong, and for a hyperparameter that has two.
    """
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        texts = tuple(f"{word}={show_values(_checked(word, values))}" for word, values in given.items())
    else:
        listed = list(given) if isinstance(given, Iterable) else [given]
        named = all(isinstance(each, str) and "=" in each for each in listed)
        texts = tuple(map(str, listed)) if named else (",".join(map(show_value, listed)),)
    words = [text.partition("=")[0] for text in texts if "=" in text]
    for text, word in zip(texts, words, strict=False):
        read_values(word, text.partition("=")[2])
        if words.count(word) > 1:
            raise InputError(f"{word} has values {words.count(word)} times; give all of them once")
    return texts


def named_values(texts: Sequence[str], stage: str | None) -> dict[str, Values]:
    """Returns what is to be tried by the words of hyperparameters; a text without a name is of `stage`."""
    found: dict[str, Values] = {}
    for text in texts:
        word, is_named, values = text.partition("=")
        if not is_named:
            if stage is None:
                raise InputError(f"--values {text} does not say of what; write lr={text}, for instance")
            word, values = stage, text
        found[word] = read_values(word, values)
    return found


def show_value(value: Any) -> str:
    """Returns the text that means `value`: 512/256, 0.0003, true."""
    if isinstance(value, tuple | list):
        return "/".join(map(str, value)) or LINEAR
    if isinstance(value, bool):
        return str(value).lower()
    # as it reads back to the bit; `labels.show_value` is for eyes
    return repr(value) if isinstance(value, float) else str(value)


def show_values(values: Values) -> str:
    """Returns the text that `read_values` reads."""
    if isinstance(values, Range):
        return f"{show_value(values.low)}{RANGE}{show_value(values.high)}{f':{LOG}' if values.log else ''}"
    return ",".join(map(show_value, values))


def _checked(word: str, given: object) -> Values:
    return read_values(word, show_values(given) if isinstance(given, Range) else given)


def _parts(row: Hyperparameter, given: object) -> list[str]:
    if isinstance(given, Mapping):
        raise InputError(f"{row.word} takes a list of values or a range such as 0.1..0.5, received {given!r}")
    if isinstance(given, str):
        parts = [part.strip() for part in given.split(",")]
    else:
        parts = [show_value(each) for each in (given if isinstance(given, list | tuple) else [given])]
    if not parts or "" in parts:
        raise InputError(f"{row.word} needs values between the commas, received {given!r}")
    return parts


def _value(row: Hyperparameter, text: str) -> Any:
    if RANGE in text:
        raise InputError(f"{row.word} takes values or one range, received {text!r} among others")
    try:
        value = row.kind.parse(text)
        if row.name == "backbone":
            value = find_backbone(text).name  # another spelling of it would be another trial
        row.require(value)
    except InputError as error:
        raise InputError(f"{row.word} takes {row.kind.words}: {error}") from None
    except ValueError as error:
        near = did_you_mean(text, row.choices)
        raise InputError(f"{error}{near}") from None
    return float(value) if row.kind is NUMBER else value


def _range(row: Hyperparameter, text: str) -> Values:
    ends, *traits = text.split(":")
    log = traits[:1] == [LOG]
    count = traits[log:]
    low, _, high = ends.partition(RANGE)
    if not row.kind.has_ranges:
        raise InputError(f"{row.word} has no range, received {text!r}; list its values")
    if len(count) > 1 or (count and not (count[0].isdecimal() and int(count[0]) >= 2)):
        raise InputError(
            f"a range is LOW..HIGH, with :log or a number of values from 2 behind it, received {text!r}"
        )
    found = Range(low=_value(row, low), high=_value(row, high), log=log, whole=row.kind is WHOLE)
    if found.low >= found.high or (log and found.low <= 0):
        raise InputError(f"a range goes up{' from above 0' if log else ''}, received {text!r} of {row.word}")
    return _cut(found, int(count[0])) if count else found


def _cut(found: Range, count: int) -> tuple[Any, ...]:
    """Returns `count` values of a range, evenly, its ends included; whole numbers each once."""
    cut = (np.geomspace if found.log else np.linspace)(found.low, found.high, count)
    # else 0.3 of an even cut would be 0.30000000000000004
    rounded = (float(f"{value:.{DIGITS}g}") for value in cut)
    return tuple(dict.fromkeys(round(value) if found.whole else value for value in rounded))
