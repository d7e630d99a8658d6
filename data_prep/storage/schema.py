"""Schema of a frozen value: what its class declares of each field, checked where it was read from a file."""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, cast

Test = Callable[[Any], bool]
MOST = sys.float_info.max


@dataclass(frozen=True)
class Within:
    """A range of numbers, both ends included, as in Annotated[float, Within(0, 1)]."""

    low: float = -MOST
    high: float = MOST


Finite = Annotated[float, Within()]
Share = Annotated[float, Within(0, 1)]
Seconds = Annotated[float, Within(0)]
Count = Annotated[int, Within(0)]
Number = Annotated[int, Within(1)]  # which counts from 1


def require_schema(value: Any) -> None:
    """Raises ValueError where a field of `value`, a dataclass, is not of its declared type or range.

    So it is with the dataclasses within it. Whole numbers are numbers; truth values are neither.
    """
    found, kind = vars(value), cast(Any, type(value))
    for name, may_lack, holds, hint in _tests_of(kind):
        item = found[name]
        if (item is None and may_lack) or holds(item):
            continue
        raise ValueError(f"{name} must be {_in_words(hint)}, received {str(item)[:60]!r}")


@functools.cache
def _tests_of(kind: Any) -> list[tuple[str, bool, Test, Any]]:
    hints = typing.get_type_hints(kind, include_extras=True)
    declared = [(item.name, hints[item.name]) for item in fields(kind)]
    return [
        (name, type(None) in typing.get_args(hint), _test_of_value(hint), hint) for name, hint in declared
    ]


def _test_of_value(hint: Any) -> Test:
    """Returns the test of a field that has a value: that it may lack one is asked before, as it is quick."""
    there = [each for each in typing.get_args(hint) if each is not type(None)]
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return _test_of(there[0] if is_union and len(there) == 1 else hint)


def _test_of(hint: Any) -> Test:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _ranged(inner[0], inner[1])
    if origin in (types.UnionType, typing.Union):
        return _any_of([_test_of(each) for each in inner])
    if origin is tuple and inner[-1] is not Ellipsis:
        return _row_of([_test_of(each) for each in inner])
    if origin in (tuple, list, Sequence):
        return _all_of((tuple,) if origin is tuple else (tuple, list), _test_of(inner[0]))
    if origin in (dict, Mapping):
        return _mapping_of(_test_of(inner[0]), _test_of(inner[1]))
    return _plain(hint)


def _plain(hint: Any) -> Test:
    if hint is Any:
        return lambda value: True
    if hint is float:
        return lambda value: type(value) is float or type(value) is int
    if hint is int:
        return lambda value: type(value) is int
    if is_dataclass(hint):
        return lambda value: type(value) is hint and _holds_schema(value)
    return lambda value: isinstance(value, hint)


def _holds_schema(value: object) -> bool:
    require_schema(value)
    return True


def _ranged(base: type, within: Within) -> Test:
    kinds = (int,) if base is int else (float, int)
    low, high = within.low, within.high
    return lambda value: type(value) in kinds and low <= value <= high


def _any_of(tests: Sequence[Test]) -> Test:
    return lambda value: any(holds(value) for holds in tests)


def _row_of(tests: Sequence[Test]) -> Test:
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(tests)
        and all(holds(item) for holds, item in zip(tests, value, strict=True))
    )


def _all_of(kinds: tuple[type, ...], holds: Test) -> Test:
    def each_holds(value: Any) -> bool:
        return type(value) in kinds and all(map(holds, value))

    return each_holds


def _mapping_of(key: Test, item: Test) -> Test:
    def holds(value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        return all(key(name) and item(found) for name, found in value.items())

    return holds


def _in_words(hint: Any) -> str:
    if typing.get_origin(hint) is Annotated:
        base, within = typing.get_args(hint)
        ends = [("from", within.low)] * (within.low > -MOST) + [("to", within.high)] * (within.high < MOST)
        return " ".join([_in_words(base), *[f"{word} {end:g}" for word, end in ends]])
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(map(_in_words, typing.get_args(hint)))
    return str(hint).replace("typing.", "") if typing.get_args(hint) else getattr(hint, "__name__", str(hint))
