"""Numbers as text: with four digits, and a hyphen where there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

NONE = "-"


def decimal(value: Any, digits: int = 4) -> str:
    """Returns a number with `digits` digits, "-" for None, NaN and what is no number."""
    # a bool is an int to Python, and would be shown as 1.0000
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return NONE
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 turns -0.0 into 0.0


def with_spread(mean: Any, spread: Any) -> str:
    """Returns "0.8924 ± 0.0012", without the spread where there is none."""
    return decimal(mean) if decimal(spread) == NONE else f"{decimal(mean)} ± {decimal(spread)}"


def low_to_high(interval: Any) -> str:
    """Returns "0.8801 to 0.9012", as sentences have it, "-" where there is no interval."""
    return f"{decimal(interval[0])} to {decimal(interval[1])}" if _is_pair(interval) else NONE


def bracketed(interval: Any) -> str:
    """Returns "[0.8801, 0.9012]", as tables have it, "-" where there is no interval."""
    return f"[{decimal(interval[0])}, {decimal(interval[1])}]" if _is_pair(interval) else NONE


def confidence(level: float) -> str:
    """Returns the name of the interval of a test at `level`: "95 % interval"."""
    return f"{100 * (1 - level):.4g} % interval"


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) == 2
