"""How the report writes numbers, hyperparameters and stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from search.space.labels import title_of
from search.study.stage_results import Entry, Result
from trainables.trial import TrialConfig

NONE = "-"

_SINGLE = "one run each, no statement"


def figure(value: Any, digits: int = 4) -> str:
    """Returns a number with `digits` digits, "-" for None, NaN and what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return NONE
    return f"{value:.{digits}f}"


def with_spread(mean: float, spread: float) -> str:
    """Returns "0.8924 ± 0.0012", without the spread where there is none."""
    return figure(mean) if math.isnan(spread) else f"{figure(mean)} ± {figure(spread)}"


def interval(value: Any) -> str:
    """Returns "[0.8801, 0.9012]", "-" where there is no interval."""
    if not isinstance(value, Sequence) or len(value) != 2:
        return NONE
    return f"[{figure(value[0])}, {figure(value[1])}]"


def stage_title(result: Result) -> str:
    """Returns what heads the part of the report on `result`."""
    title = title_of(result.stage)
    if result.sweep > 1:
        return f"{title}, sweep {result.sweep}"
    return f"{title}, untuned" if result.stage == "backbone" else title


def statement_of(result: Result) -> str:
    """Returns the statement on who won as a sentence, which says so where nothing was repeated."""
    words = result.statement
    if result.verdict == "single" and _SINGLE not in words:
        words += f" ({_SINGLE})"
    return f"Found: {words}."


def trains_nothing(config: TrialConfig) -> bool:
    """Returns whether BatchNorm gets one example a step, which lets no gradient through."""
    return config.batch_size == 1 and config.backbone != "hassner"


def remark(entry: Entry, result: Result) -> str:
    """Returns how `entry` stands: winner, tied or worse, how its runs ended, and what a reader must know."""
    words = [_standing(entry, result)]
    if entry.status != "COMPLETED":
        words.append(entry.status + (f": {' '.join(entry.reason.split())}" if entry.reason else ""))
    if trains_nothing(entry.config):
        words.append("BatchNorm with one sample trains nothing")
    return "; ".join(word for word in words if word)


def _standing(entry: Entry, result: Result) -> str:
    if entry.config == result.winner:
        return "winner" if result.verdict in ("clear", "tied") else "best"
    if entry.tied is None or result.verdict not in ("clear", "tied"):
        return ""
    return "tied" if entry.tied else "worse"
