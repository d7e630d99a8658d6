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
from search.options.space_options import SpaceOptions, with_backbones_as_values
from search.space.joint_space import (
    POPULATION,
    POPULATION_RANGES,
    POPULATION_STAGES,
    Space,
    joint_space,
)
from search.space.presets import PRESETS, REPORT, Preset, preset_for
from search.space.stages import ALL, EVERY_STAGE, FINETUNE, HASSNER, Stage
from search.space.values import Values, named_values, show_values
from search.study.stage_results import JOINT
from trainables.hyperparameters import HYPERPARAMETERS, Range

STAGED = "staged"


@dataclass(frozen=True, kw_only=True)
class SearchOptions(OptionGroup):
    """Request for a run of a search: a stage or a mode, and the groups of options.

    Raises InputError for a value that breaks the rule of its option; `search.options.conflicts` knows what
    does not go together.
    """

    stage: str | None = option(
        None,
        f"what to tune: {', '.join(EVERY_STAGE)}, or {ALL}; {FINETUNE}: from the winner to the final model",
        choices=(*EVERY_STAGE, FINETUNE, ALL),
        metavar="STAGE",
    )
    mode: str = option(STAGED, "one hyperparameter after the other, or all at once", choices=(STAGED, JOINT))
    data: DataOptions = field(default_factory=DataOptions)
    held: HeldValues = field(default_factory=HeldValues)
    space: SpaceOptions = field(default_factory=SpaceOptions)
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
        """Returns these options with some of them changed; raises InputError for a name that is no option.

        Where a preset is named, what it wishes holds for all that is not named beside it.
        """
        if wishes.get("preset") in PRESETS:
            wishes = {**PRESETS[wishes["preset"]].wishes, **wishes}
        wishes = with_backbones_as_values(wishes)
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
        # else they are for the blocks that fine-tuning unfreezes
        own = self.images.given if self.trains_on_images else {}
        code = self.space.of_own_code
        if self.tunes_head:
            code.pop("head", None)
        return {**self.held.given, **own, **code}

    @property
    def trains_on_images(self) -> bool:
        """Whether all trials of the search train a network on images."""
        return bool(self.held.backbone == HASSNER or self.space.network or self.held.unfrozen_blocks)

    @property
    def tunes_head(self) -> bool:
        """Whether functions or values of the user's own code are tried."""
        stages = self.varied if self.is_joint else self.order if self.stage == ALL else (self.stage,)
        return "head" in stages

    @property
    def preset(self) -> Preset:
        """The preset that holds where nothing else is said: the one asked for, else that of the data."""
        return PRESETS[self.space.preset or self.space.of_data or REPORT]

    def for_data(self, source: str) -> SearchOptions:
        """Returns these options with the preset for data of that source, where none is asked for."""
        return replace(self, space=replace(self.space, of_data=preset_for(source)))

    def split_of(self, *, has_groups: bool, has_parts: bool = False) -> str:
        """Returns the protocol of the split: the one asked for, else the preset's for such data."""
        preset = self.preset
        usual = preset.split_of_groups if has_groups else preset.split
        return self.data.split or (preset.split_of_parts if has_parts else usual)

    @property
    def given_values(self) -> Mapping[str, Values]:
        """The values and ranges that --values asks for, by the words of hyperparameters.

        Raises InputError where they cannot be.
        """
        of_one = self.stage if self.stage in EVERY_STAGE and not self.is_joint else None
        return named_values(self.space.values, of_one)

    @property
    def values(self) -> Mapping[str, Values]:
        """The values and ranges to try, by words: the given ones over the preset's."""
        given = self.given_values
        return {**self.preset.stages, **given, **self.space.own_choices(given.get("head"))}

    @property
    def order(self) -> tuple[str, ...]:
        """The stages of --stage all: the preset's order, and at its end what only --values names.

        A backbone that only --values names comes first.
        """
        own = [word for word in self.given_values if word not in self.preset.stages]
        first = [word for word in own if word == "backbone"]  # all else is tuned on top of it
        return self.staged.order or tuple(dict.fromkeys((*first, *self.preset.stages, *own)))

    @property
    def varied(self) -> tuple[str, ...]:
        """The stages whose values a joint search combines."""
        usual = POPULATION_STAGES if self.joint.scheduler == POPULATION else self.preset.vary
        own = tuple(self.given_values)
        if own == ("backbone",):  # a joint search of it alone would be its stage
            own = tuple(dict.fromkeys((*own, *usual)))
        return self.joint.vary or own or usual

    def stage_called(self, name: str) -> Stage:
        """Returns the stage of that name with the values that it tries here.

        Raises InputError where they are a range, which only a joint search can draw from.
        """
        values = self.values.get(name, EVERY_STAGE[name].values)
        if isinstance(values, Range):
            text = show_values(values)
            raise InputError(
                f"a stage tries single values, received the range {text} of {name}; say how many, as in "
                f"--values {name}={text}:5, or use --mode joint --search random"
            )
        return replace(EVERY_STAGE[name], values=values, fixed=self.preset.fixed.get(name, {}))

    def space_to_try(self) -> Space:
        """Returns the values and ranges that a joint search varies, by the names of hyperparameters.

        Raises InputError where all are held.
        """
        given = self.given_values
        if self.joint.scheduler == POPULATION:  # it moves values in ranges, whatever the grids say
            names = {word: EVERY_STAGE[word].hyperparameter for word in self.varied}
            return {
                name: given.get(word, POPULATION_RANGES[name])
                for word, name in names.items()
                if name not in self.given
            }
        # with --ranges lists of the preset stand for what has no range only
        own = self.space.own_choices(given.get("head"))
        values = {**given, **own} if self.joint.ranges else self.values
        return joint_space(self.varied, self.given, ranges=self.joint.ranges, values=values)

    @property
    def held_keywords(self) -> set[str]:
        """The keywords of the options that hold a hyperparameter."""
        return {HYPERPARAMETERS[name].keyword for name in self.given}

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages to run; of all of them those whose hyperparameter is not held."""
        if self.is_joint or self.stage in (None, FINETUNE):
            return ()
        if self.stage != ALL:
            return (str(self.stage),)
        return tuple(name for name in self.order if EVERY_STAGE[name].hyperparameter not in self.given)

    @property
    def wants_finetuning(self) -> bool:
        """Whether this run goes on to fine-tuning."""
        wished = self.final_model.celeba is not None or self.final_model.finetune is not None
        return self.is_finetuning or wished

    @property
    def is_finetuning(self) -> bool:
        """Whether this run does nothing but fine-tuning."""
        return self.stage == FINETUNE

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
            space=replace(self.space, values=self._texts_of(stage)),
            joint=JointOptions(),
            deciding=replace(self.deciding, final=False),
            final_model=self.final_model if final else FinalModelOptions(),
            images=self.images if final or self.trains_on_images else ImageOptions(),
        )

    def _texts_of(self, stage: str) -> tuple[str, ...]:
        found = self.given_values
        return (f"{stage}={show_values(found[stage])}",) if stage in found else ()

    def words(self) -> list[str]:
        """Returns the words behind `search.run` that ask for these options: all that are not the defaults."""
        return [word for item, known, value in self.chosen() for word in _typed(item, known, value)]

    def chosen(self) -> Iterator[tuple[Field[Any], Option, Any]]:
        """Yields all options that are not as the preset, or nobody, has them, each with its value."""
        usual = SearchOptions.of(preset=self.space.preset)
        for name in ("", *GROUPS):
            group, others = (getattr(self, name), getattr(usual, name)) if name else (self, usual)
            for item, known in options_in(type(group)):
                value, default = getattr(group, item.name), getattr(others, item.name)
                # `usual` has the preset, too, and the command must name it
                if value != default or (item.name == "preset" and value):
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
    if known.is_list:
        return [word for each in value for word in (f"--{name_of(item)}", each)]
    return [f"--{name_of(item)}", known.show(value)]
