"""The stages of the report: which hyperparameter each of them varies, over which values, from which base."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from data_prep.errors import InputError
from trainables.trial import SCHEDULES, TrialConfig

ALL, FINETUNE = "all", "finetune"  # what --stage takes besides the names of stages
AUTO_REPEATS = "auto"  # of --repeats: a race
HASSNER = "hassner"  # the one backbone that trains on images, from its first layer on


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
            return replace(base, **{self.hyperparameter: value})
        # the report gave each backbone a head of its own; what was tuned or given since stays
        untuned = UNTUNED_HEADS.get(base.backbone, {})
        own = {
            name: new
            for name, new in UNTUNED_HEADS[value].items()
            if getattr(base, name) == untuned.get(name)
        }
        return replace(base, backbone=value, **own)


UNTUNED_HEADS: Mapping[str, Mapping[str, Any]] = {
    "hassner": {"hidden_units": (512, 512), "dropout": 0.5},
    "inception_v3": {"hidden_units": (1024, 512, 256), "dropout": 0.0},
    "resnet50_v2": {"hidden_units": (1024, 512, 256), "dropout": 0.0},
}

STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            name="backbone",
            hyperparameter="backbone",
            values=("hassner", "inception_v3", "resnet50_v2"),
            fixed={"batch_size": 64},
        ),
        Stage(name="batch_size", hyperparameter="batch_size", values=(1, 4, 8, 16, 32, 64)),
        Stage(name="lr", hyperparameter="learning_rate", values=(0.1, 0.001, 0.0003, 0.00001)),
        Stage(
            name="neurons",
            hyperparameter="hidden_units",
            values=((256, 128, 64), (512, 256, 128), (1024, 512, 256), (512, 512, 512)),
        ),
        Stage(name="dropout", hyperparameter="dropout", values=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        Stage(name="l2", hyperparameter="l2", values=(0.0, 1e-5, 1e-4, 1e-3, 1e-2)),
        Stage(name="schedule", hyperparameter="learning_rate_schedule", values=SCHEDULES),
    )
}


def parse_order(text: str) -> tuple[str, ...]:
    """Returns the stage names in `text`, which commas separate.

    Raises InputError for a name that is no stage, with near matches, and for one that stands there twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in STAGES:
            near = difflib.get_close_matches(name, STAGES)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise InputError(f"a stage is one of {', '.join(STAGES)}, received {name!r}{hint}")
        if names.count(name) > 1:
            raise InputError(
                f"a stage may be named once, {name} is named {names.count(name)} times; leave out one"
            )
    return names
