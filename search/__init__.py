"""Hyperparameter search: `Tuner` runs one, `Study` reads what it found, a `Callback` of yours hears of it.

The names are imported when they are asked for: that takes seconds, and commands need few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_prep.errors import InputError
    from search.callbacks.callback import Callback
    from search.report.study import Study
    from search.tuner import Tuner

__all__ = ["Callback", "InputError", "Study", "Tuner"]

_MODULES = {
    "Callback": "search.callbacks.callback",
    "InputError": "data_prep.errors",
    "Study": "search.report.study",
    "Tuner": "search.tuner",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
