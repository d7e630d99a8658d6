"""Options that say what is tried: a preset, values and ranges, and a study to start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from search.options.option import OptionGroup, option
from search.space.presets import PRESETS
from search.space.values import texts_of


@dataclass(frozen=True, kw_only=True)
class SpaceOptions(OptionGroup):
    """The space of a search; `of_data` is the preset for the data, which holds where none is asked for."""

    title: ClassVar[str] = "values to try"

    preset: str | None = option(
        None,
        "values, split and more that hold where nothing else is said: " + ", ".join(PRESETS),
        choices=tuple(PRESETS),
        metavar="NAME",
        default_text="report for Adience, CelebA and the drawn sample, heads for other data",
    )
    values: tuple[str, ...] = option(
        (),
        "values to try: of the one stage 0.03,0.01,0.003, by name lr=0.03,0.01, a range lr=1e-4..1e-1:log, "
        "or several values of a range lr=1e-4..1e-1:log:4; once for each hyperparameter",
        parse=texts_of,
        is_list=True,
        metavar="VALUES",
        default_text="the preset's",
    )
    of_data: str = field(default="", compare=False)
