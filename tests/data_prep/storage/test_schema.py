"""A schema of a frozen value: its fields are what its class declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from data_prep.storage.schema import Count, Finite, Number, Share, require_schema


@dataclass(frozen=True)
class Inner:
    number: Number = 1


@dataclass(frozen=True)
class Outer:
    name: str = "a"
    share: Share = 0.5
    loss: Finite = -1.5
    spread: float = float("nan")
    count: Count | None = None
    is_so: bool = True
    pair: tuple[float, float] = (0.0, 1.0)
    either: int | str = "all"
    names: Mapping[str, str] = field(default_factory=dict)
    inner: tuple[Inner, ...] = (Inner(),)
    rows: Sequence[Mapping[str, Any]] = ()


def test_value_as_declared_passes() -> None:
    require_schema(Outer(count=3, names={"a": "b"}, rows=[{"x": None}], share=1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 3}, "name must be str, received '3'"),
        ({"share": 1.5}, "share must be float from 0 to 1, received '1.5'"),
        ({"share": True}, "share must be float from 0 to 1"),
        ({"share": float("nan")}, "share must be float from 0 to 1, received 'nan'"),
        ({"loss": float("inf")}, "loss must be float, received 'inf'"),
        ({"count": -1}, "count must be int from 0 or NoneType"),
        ({"count": 1.0}, "count must be int from 0"),
        ({"is_so": 1}, "is_so must be bool"),
        ({"pair": (0.0,)}, r"pair must be tuple\[float, float\]"),
        ({"pair": [0.0, 1.0]}, "pair must be"),
        ({"either": 0.5}, "either must be int or str"),
        ({"names": {"a": 1}}, "names must be"),
        ({"names": ["a"]}, "names must be"),
        ({"inner": (Inner(0),)}, "number must be int from 1, received '0'"),
        ({"inner": ({"number": 1},)}, "inner must be"),
        ({"rows": "ab"}, "rows must be"),
    ],
)
def test_field_that_is_not_as_declared_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        require_schema(replace(Outer(), **changes))
