"""Presets: the files that say what is tried where a user says nothing else, `search/space/presets/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from search.space.values import Values, read_values

REPORT, HEADS = "report", "heads"
REPORTS_SOURCES = ("adience", "celeba", "sample")  # the report's data, and drawings in its place


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A preset: its stages in order with their values, by words, and the words that a joint search varies.

    `fixed` are values of one stage only; `split` that of data without groups, `split_of_groups` that of
    data with them, and `split_of_parts` that of data that came divided for training and validation; `wishes`
    are other options, which hold where the preset is asked for by name.
    """

    name: str
    stages: Mapping[str, Values]
    vary: tuple[str, ...]
    split: str
    split_of_groups: str
    split_of_parts: str
    fixed: Mapping[str, Mapping[str, Any]]
    wishes: Mapping[str, Any]

    @classmethod
    def read(cls, name: str) -> Preset:
        """Returns the preset of that name."""
        values = tomllib.loads((resources.files(__package__) / "presets" / f"{name}.toml").read_text("utf-8"))
        split = values.pop("split")
        return cls(
            name=name,
            stages={word: read_values(word, given) for word, given in values.pop("stages").items()},
            vary=tuple(values.pop("joint")["vary"]),
            split=split,
            split_of_groups=values.pop("split_of_groups", split),
            split_of_parts=values.pop("split_of_parts", split),
            fixed=values.pop("fixed", {}),
            wishes=values,
        )


PRESETS: Mapping[str, Preset] = {
    name: Preset.read(name) for name in (REPORT, HEADS, "adience_gender", "adience_age")
}


def preset_for(source: str) -> str:
    """Returns the name of the preset for data of that source, where a user names none."""
    # a study that does not say its data is older than other presets
    return REPORT if source in ("", *REPORTS_SOURCES) else HEADS
