"""The stages: which hyperparameter each of them varies, over which values, from which base."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from data_prep.errors import InputError
from search.space.presets import PRESETS, REPORT
from trainables.hyperparameters import BY_WORD
from trainables.trial import IMAGE_NETWORK, TrialConfig

ALL, FINETUNE = "all", "finetune"  # what --stage takes besides the names of stages
AUTO_REPEATS = "auto"  # of --repeats: a race
HASSNER = IMAGE_NETWORK


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A list of configurations that differ in one hyperparameter.

    `name` is what a user types; `hyperparameter` a field of `TrialConfig`; `fixed` holds values that the
    report used in this stage only, and that no stage hands over.
    """

    name: str
    hyperparameter: str
    values: tuple[Any, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def configs(self, base: TrialConfig) -> tuple[TrialConfig, ...]:
        """Returns `base` with each of the values in turn."""
        return tuple(self._config(base, value) for value in self.values)

    def _config(self, base: TrialConfig, value: Any) -> TrialConfig:
        if self.hyperparameter != "backbone":
            return base.with_used(**{self.hyperparameter: value})
        # the report gave each backbone a head of its own; what was tuned or given since stays
        untuned = UNTUNED_HEADS.get(base.backbone, {})
        own = {
            name: new
            for name, new in UNTUNED_HEADS.get(value, UNTUNED_HEADS["resnet50_v2"]).items()
            if getattr(base, name) == untuned.get(name)
        }
        return replace(base, backbone=value, **own)


UNTUNED_HEADS: Mapping[str, Mapping[str, Any]] = {
    "hassner": {"hidden_units": (512, 512), "dropout": 0.5},
    "inception_v3": {"hidden_units": (1024, 512, 256), "dropout": 0.0},
    "resnet50_v2": {"hidden_units": (1024, 512, 256), "dropout": 0.0},
}


def _stage(word: str, values: tuple[Any, ...]) -> Stage:
    fixed = PRESETS[REPORT].fixed.get(word, {})
    return Stage(name=word, hyperparameter=BY_WORD[word].name, values=values, fixed=fixed)


STAGES: Mapping[str, Stage] = {
    word: _stage(word, values) for word, values in PRESETS[REPORT].stages.items() if isinstance(values, tuple)
}
"""The stages of the report's preset, in its order."""

EVERY_STAGE: Mapping[str, Stage] = {
    **STAGES,
    **{word: _stage(word, row.values) for word, row in BY_WORD.items() if word not in STAGES},
}
"""The stages that can be asked for: those of the report, then those of all other hyperparameters."""


def parse_order(text: str) -> tuple[str, ...]:
    """Returns the stage names in `text`, which commas separate.

    Raises InputError for a name that is no stage, with near matches, and for one that stands there twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in EVERY_STAGE:
            near = difflib.get_close_matches(name, EVERY_STAGE)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise InputError(f"a stage is one of {', '.join(EVERY_STAGE)}, received {name!r}{hint}")
        if names.count(name) > 1:
            raise InputError(
                f"a stage may be named once, {name} is named {names.count(name)} times; leave out one"
            )
    return names
