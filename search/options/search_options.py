"""The options of a search as one frozen value, made from keywords and spelled as the words of a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from data_prep.command_line.parser import did_you_mean
from data_prep.errors import InputError
from data_prep.storage.remote import shown
from search.options.option import Option, OptionGroup, name_of, option, options_in
from search.options.run_groups import (
    CallbackOptions,
    FinalModelOptions,
    ImageOptions,
    MachineOptions,
    StudyOptions,
)
from search.options.search_groups import DataOptions, DecidingOptions, HeldValues, JointOptions, StagedOptions
from search.space.stages import ALL, FINETUNE, HASSNER, STAGES
from search.study.stage_results import JOINT

STAGED = "staged"


@dataclass(frozen=True, kw_only=True)
class SearchOptions(OptionGroup):
    """Request for a run of a search: a stage or a mode, and the groups of options.

    Raises InputError for a value that breaks the rule of its option; `search.options.conflicts` knows what
    does not go together.
    """

    stage: str | None = option(
        None,
        f"what to tune: {', '.join(STAGES)}, or {ALL}; {FINETUNE}: from the winner to the final model",
        choices=(*STAGES, FINETUNE, ALL),
        metavar="STAGE",
    )
    mode: str = option(STAGED, "one hyperparameter after the other, or all at once", choices=(STAGED, JOINT))
    data: DataOptions = field(default_factory=DataOptions)
    held: HeldValues = field(default_factory=HeldValues)
    staged: StagedOptions = field(default_factory=StagedOptions)
    joint: JointOptions = field(default_factory=JointOptions)
    deciding: DecidingOptions = field(default_factory=DecidingOptions)
    final_model: FinalModelOptions = field(default_factory=FinalModelOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    study: StudyOptions = field(default_factory=StudyOptions)
    callbacks: CallbackOptions = field(default_factory=CallbackOptions)
    machine: MachineOptions = field(default_factory=MachineOptions)

    @classmethod
    def of(cls, **wishes: Any) -> SearchOptions:
        """Returns the options that `wishes` ask for, by the names that a user types, with underscores."""
        return cls().changed(**wishes)

    def changed(self, **wishes: Any) -> SearchOptions:
        """Returns these options with some of them changed; raises InputError for a name that is no option."""
        by_group: dict[str, dict[str, Any]] = {}
        for keyword, value in wishes.items():
            if keyword not in _PLACES:
                raise InputError(f"there is no option {keyword}{did_you_mean(keyword, _PLACES)}")
            group, name = _PLACES[keyword]
            by_group.setdefault(group, {})[name] = value
        own = by_group.pop("", {})
        groups = {group: replace(getattr(self, group), **values) for group, values in by_group.items()}
        return replace(self, **own, **groups)

    @property
    def is_joint(self) -> bool:
        """Whether all hyperparameters are searched at once."""
        return self.mode == JOINT

    @property
    def given(self) -> dict[str, Any]:
        """The hyperparameters that are held fixed, as fields of TrialConfig."""
        own = self.images.given if self.held.backbone == HASSNER else {}
        return {**self.held.given, **own}

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages to run; of all of them those whose hyperparameter is not held."""
        if self.is_joint or self.stage in (None, FINETUNE):
            return ()
        if self.stage != ALL:
            return (str(self.stage),)
        return tuple(name for name in self.staged.order if STAGES[name].hyperparameter not in self.given)

    @property
    def wants_finetuning(self) -> bool:
        """Whether this run goes on to fine-tuning."""
        wished = self.final_model.celeba is not None or self.final_model.finetune is not None
        return self.stage == FINETUNE or wished

    @property
    def asked(self) -> dict[str, Any]:
        """The options that the live state tells its readers, as JSON values."""
        machine, data = self.machine, self.data.manifest
        return {
            "mode": self.mode,
            "repeats": self.deciding.repeats,
            "cpus_per_trial": machine.cpus_per_trial,
            "gpus_per_trial": machine.gpus_per_trial,
            "max_concurrent": machine.max_concurrent,
            "data": None if data is None else shown(data.absolute()),
            "ray_address": machine.address or "local",
            "stages": list(self.stage_names),
        }

    def for_stage(self, stage: str) -> SearchOptions:
        """Returns the options of the same study for one `stage`, without those that do not go with it."""
        final = stage == FINETUNE
        return replace(
            self,
            stage=stage,
            mode=STAGED,
            staged=StagedOptions(),
            joint=JointOptions(),
            deciding=replace(self.deciding, final=False),
            final_model=self.final_model if final else FinalModelOptions(),
            images=self.images if final or self.held.backbone == HASSNER else ImageOptions(),
        )

    def words(self) -> list[str]:
        """Returns the words behind `search.run` that ask for these options: all that are not the defaults."""
        return [word for item, known, value in self._chosen() for word in _typed(item, known, value)]

    def _chosen(self) -> Iterator[tuple[Field[Any], Option, Any]]:
        for group in (self, *(getattr(self, name) for name in GROUPS)):
            for item, known in options_in(type(group)):
                value = getattr(group, item.name)
                if value != item.default:
                    yield item, known, value


GROUPS: Mapping[str, type[OptionGroup]] = {
    item.name: item.default_factory  # type: ignore[misc]  # what is no option is a group, and has one
    for item in fields(SearchOptions)
    if "option" not in item.metadata
}
"""The groups by the fields of SearchOptions."""


def keyword_of(item: Field[Any]) -> str:
    """Returns the name of an option in Python: what a user types, with underscores."""
    return name_of(item).replace("-", "_")


_PLACES = {
    keyword_of(item): (name, item.name)
    for name, group in [("", SearchOptions), *GROUPS.items()]
    for item, _ in options_in(group)
}


def _typed(item: Field[Any], known: Option, value: Any) -> list[str]:
    if known.is_switch:
        return [f"--{name_of(item)}" if value else f"--no-{name_of(item)}"]
    return [f"--{name_of(item)}", known.show(value)]
