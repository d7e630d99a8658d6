"""Options that say what is tried: a preset, values and ranges, and a study to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from data_prep.errors import InputError
from search.options.option import OptionGroup, option
from search.space.presets import PRESETS
from search.space.stages import EVERY_STAGE
from search.space.values import show_values, texts_of
from search.study.stage_results import JOINT


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


def with_backbones_as_values(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the wishes with several backbones as values to try; one is held, as it was.

    Raises InputError where the wished stage tunes what stands on one backbone.
    """
    wished = wishes.get("backbone")
    text = wished if isinstance(wished, str) else show_values(tuple(wished or ()))
    if "," not in text:
        return dict(wishes)
    stage = wishes.get("stage")
    if wishes.get("mode") != JOINT and stage in EVERY_STAGE and stage != "backbone":
        raise InputError(
            f"--stage {stage} stands on one backbone, received --backbone {text}; name one, or use "
            "--stage backbone, --stage all or --mode joint"
        )
    others = {name: value for name, value in wishes.items() if name != "backbone"}
    return {**others, "values": (*texts_of(wishes.get("values", ())), f"backbone={text}")}
