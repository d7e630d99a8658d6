"""Options that say what is tried: a preset, values and ranges, and a study to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from data_prep.errors import InputError
from search.options.option import OptionGroup, option
from search.options.types import checked
from search.space.presets import PRESETS
from search.space.stages import EVERY_STAGE
from search.space.values import Values, show_values, texts_of
from search.study.stage_results import JOINT
from trainables.own_code import OwnCode
from trainables.trial import OWN_NETWORK


def named_code(text: str) -> tuple[OwnCode, str]:
    """Returns the code in the file that `text` names, and the function with its values.

    Raises InputError where the file or the function is not there.
    """
    path, _, function = text.rpartition(":")
    if not path:
        raise InputError(f"must be a file and a function such as my_heads.py:build, received {text!r}")
    code = OwnCode.read(Path(path))
    return code, code.canonical(function)  # one text for one configuration, as trials' keys have it


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
    head: str | None = option(
        None,
        "head of your own: a function build(input_shape, classes, hyperparameters) of a file, such as "
        "my_heads.py:build or my_heads.py:build?rank=8",
        parse=checked(named_code),
        metavar="FILE:FUNCTION",
        default_text="dense blocks",
    )
    network: str | None = option(
        None,
        "whole network of your own, which reads images: such a function, in place of backbone and head",
        parse=checked(named_code),
        metavar="FILE:FUNCTION",
        default_text="a backbone with a head",
    )
    of_data: str = field(default="", compare=False)

    @property
    def code(self) -> OwnCode | None:
        """The user's own code, None where no file is named."""
        return named_code(self._named)[0] if self._named else None

    @property
    def of_own_code(self) -> dict[str, Any]:
        """What the named function means, as fields of TrialConfig."""
        if not self._named:
            return {}
        code, function = named_code(self._named)
        whole = {"backbone": OWN_NETWORK} if self.network else {}
        return {"head": function, "head_source": code.digest, **whole}

    def own_choices(self, given: Values | None) -> dict[str, Values]:
        """Returns the values of the stage `head`: those `given`, else all that the file declares."""
        if not self._named:
            return {}
        code, function = named_code(self._named)
        texts = given if isinstance(given, tuple) else code.choices(function)
        return {"head": tuple(dict.fromkeys(map(code.canonical, texts)))}

    @property
    def _named(self) -> str:
        return self.network or self.head or ""


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
