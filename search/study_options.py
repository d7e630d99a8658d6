"""The options of search.run that mean a study: its data, what it was made of, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MANIFEST, WEIGHTS = "MANIFEST", "WEIGHTS"  # for what nobody knows any more
_OPTIONS = {
    "split": "--split",
    "weights": "--weights",
    "keras_backend": "--keras-backend",
    "feature_precision": "--feature-precision",
}


def study_options(name: str, storage: str, facts: Mapping[str, Any], data: str | None = None) -> list[str]:
    """Returns the words for the study `name` below `storage` that was made of `facts`.

    `data` is its manifest. Where it is not known, and the study is not of the built-in sample, a word in
    capitals stands in its place, as for a file of weights, of which only the hash is kept.
    """
    if data is None and facts.get("source") != "sample":
        data = MANIFEST
    words = [] if data is None else ["--data", data]
    for fact, option in _OPTIONS.items():
        value = facts.get(fact)
        if value is not None:
            words += [option, WEIGHTS if str(value).startswith("file:") else str(value)]
    return [*words, "--study", name, "--storage", storage]
