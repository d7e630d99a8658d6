"""Groups of options that say what is searched: data, held values, staged, joint, deciding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from data_prep.errors import InputError
from data_prep.splits import PROTOCOLS, require_protocol
from data_prep.storage.remote import located
from search.options.option import OptionGroup, option
from search.options.types import at_least, checked, margin, repeats, seconds, show_seconds
from search.space.joint_space import POPULATION_STAGES, SCHEDULERS, SEARCHES, VARIED
from search.space.presets import PRESETS, REPORT
from search.space.stages import AUTO_REPEATS, parse_order
from search.space.values import show_value
from search.statistics.paired_tests import MARGIN
from search.statistics.selection import RACE_MAXIMUM, RACE_START
from trainables.backbones.table import BACKBONES, names_of
from trainables.features.cache import FEATURE_PRECISIONS
from trainables.features.images import RESIZES
from trainables.hyperparameters import BN_STATISTICS, HYPERPARAMETERS, MOMENTUM
from trainables.objective import OBJECTIVE, OBJECTIVES
from trainables.trial import TrialConfig

_DEFAULTS = TrialConfig()


def held(field: str, **traits: Any) -> Any:
    """Returns the option for a `field` of TrialConfig, as the table of hyperparameters has it.

    An earlier stage may have found its value. `traits` are those of an Option where the table's do not do.
    """
    row = HYPERPARAMETERS[field]
    usual: dict[str, Any] = {
        "help": row.help,
        "parse": row.kind.parse,
        "show": show_value,
        "metavar": row.metavar or row.kind.metavar,
        "name": row.option,
        "offers": row.choices,
        "default_text": f"{show_value(getattr(_DEFAULTS, field))}, or an earlier stage",
    }
    return option(None, **{**usual, **traits})


@dataclass(frozen=True, kw_only=True)
class DataOptions(OptionGroup):
    """The images, their split, and what turns them into features; `manifest` None is the built-in sample."""

    title: ClassVar[str] = "data"

    manifest: Path | None = option(
        None,
        "manifest of the images, as python -m data_prep.build writes it",
        name="data",
        parse=located,
        metavar="MANIFEST",
        default_text="the built-in sample of drawn faces",
    )
    root: Path | None = option(
        None,
        "folder of the images, where they have moved",
        name="data-root",
        parse=located,
        metavar="DIR",
        default_text="as in the manifest",
    )
    split: str | None = option(
        None,
        f"protocol that divides the images into training and validation: {', '.join(PROTOCOLS)}",
        parse=checked(require_protocol),
        metavar="PROTOCOL",
        default_text="the preset's: the report's random 80/20; by groups, where known, for other data",
    )
    weights: str | None = option(
        None,
        "weights of the backbone: imagenet, none (random), or the path of a file",
        metavar="WEIGHTS",
        default_text="imagenet for photographs, none for the drawn sample",
    )
    ordered: bool = option(
        False,
        "the classes have an order: mistakes are also counted by their distance (on by itself for ages)",
    )
    feature_precision: str = option(
        FEATURE_PRECISIONS[0],
        "precision of a frozen backbone's arithmetic; bfloat16 is faster on processors that have it, and its "
        "features differ by a few per cent",
        choices=FEATURE_PRECISIONS,
    )
    resize: str = option(
        RESIZES[0],
        "how pictures are scaled to the sides that a network reads: bilinear, with antialiasing, or nearest, "
        "as the Keras generator of the report did",
        choices=RESIZES,
    )


@dataclass(frozen=True, kw_only=True)
class HeldValues(OptionGroup):
    """The hyperparameters that a user holds fixed, by the names of TrialConfig; None where he does not."""

    title: ClassVar[str] = "hyperparameters held fixed"

    backbone: str | None = held(
        "backbone",
        help=f"network below the head: {', '.join(backbone.name for backbone in BACKBONES)} or keras:<Name> "
        "or hub:<preset or folder>; "
        "several to try with commas, several side by side with +",
        parse=names_of,
        offers=tuple(backbone.name for backbone in BACKBONES),
    )
    batch_size: int | None = held("batch_size")
    learning_rate: float | None = held("learning_rate")
    hidden_units: tuple[int, ...] | None = held("hidden_units")
    dropout: float | None = held("dropout")
    l2: float | None = held("l2")
    learning_rate_schedule: str | None = held("learning_rate_schedule")
    optimizer: str | None = held("optimizer")
    momentum: float | None = held("momentum")
    nesterov: bool | None = held("nesterov")
    weight_decay: float | None = held("weight_decay")
    clip_norm: float | None = held("clip_norm")
    warmup_epochs: int | None = held("warmup_epochs")
    label_smoothing: float | None = held("label_smoothing")
    class_weight: str | None = held("class_weight")
    activation: str | None = held("activation")
    normalisation: str | None = held("normalisation")
    bn_statistics: str | None = held(
        "bn_statistics",
        choices=BN_STATISTICS,
        default_text="momentum for the report's data and preset, else exact",
    )
    bn_momentum: float | None = held("bn_momentum", default_text=f"the report's {_DEFAULTS.bn_momentum}")
    input_px: int | None = held("input_px", default_text="the backbone's own, or an earlier stage")
    pooling: str | None = held("pooling")
    unfrozen_blocks: int | str | None = held("unfrozen_blocks")
    epochs: int | None = held("epochs", default_text=str(_DEFAULTS.epochs))
    patience: int | None = held("patience", default_text=str(_DEFAULTS.patience))
    seed: int | None = held("seed", default_text=str(_DEFAULTS.seed))

    @property
    def given(self) -> dict[str, Any]:
        """The values that are not None, by their fields; who gives a momentum asks for running averages."""
        given = super().given
        return {"bn_statistics": MOMENTUM, **given} if "bn_momentum" in given else given

    def __post_init__(self) -> None:
        super().__post_init__()  # what each text means; the values together come after
        try:
            TrialConfig.from_dict(self.given)  # knows the rule of each, and tells it
        except ValueError as error:
            raise InputError(str(error)) from None


@dataclass(frozen=True, kw_only=True)
class StagedOptions(OptionGroup):
    """The order of a staged search, and how often it goes through it."""

    title: ClassVar[str] = "staged search"

    order: tuple[str, ...] | None = option(
        None,
        "stages of --stage all in their order",
        parse=parse_order,
        metavar="STAGES",
        default_text=f"the preset's: {','.join(PRESETS[REPORT].stages)}, for instance",
    )
    sweeps: int = option(
        1,
        "number of times to go through the stages, each time from the last winner; fewer if nothing changes",
        parse=at_least(1),
        metavar="N",
    )


@dataclass(frozen=True, kw_only=True)
class JointOptions(OptionGroup):
    """Configurations that a joint search tries, and what stops it; without `vary` the preset says of what."""

    title: ClassVar[str] = "joint search"

    search: str = option(
        "grid",
        "way to choose configurations: all, random ones, or those that a model proposes",
        choices=SEARCHES,
    )
    scheduler: str = option(
        "none", "scheduler that stops trials early; pbt changes their values instead", choices=SCHEDULERS
    )
    num_samples: int | None = option(
        None, "number of configurations that random and tpe try", parse=at_least(1), metavar="N"
    )
    time_budget_s: float | None = option(
        None,
        "time after which the search ends, such as 90s, 30m or 2h",
        name="time-budget",
        parse=seconds,
        show=show_seconds,
        metavar="TIME",
        default_text="none",
    )
    ranges: bool = option(False, "continuous ranges of learning rate, dropout and l2 instead of the grids")
    vary: tuple[str, ...] | None = option(
        None,
        "stages whose values are combined",
        parse=parse_order,
        metavar="STAGES",
        default_text=f"those of --values, else the preset's: {','.join(VARIED)}, 576 configurations, for "
        f"instance; with pbt {','.join(POPULATION_STAGES)}",
    )

    start_from: str | None = option(
        None,
        "study, of other data for instance, whose best configurations are tried first: its name or folder; "
        "none of its figures are used",
        metavar="STUDY",
    )
    ablate: bool = option(
        True,
        "with --repeats, also train the winner with each of its values back at the default, one at a time",
        default_text="yes",
    )


@dataclass(frozen=True, kw_only=True)
class DecidingOptions(OptionGroup):
    """What decides who is better, the number of seeds for each value, whether held-out data is read."""

    title: ClassVar[str] = "deciding"

    repeats: int | str = option(
        1,
        "number of seeds for each value; auto: more seeds until the winner is clear",
        parse=repeats,
        metavar="N",
    )
    max_repeats: int = option(
        RACE_MAXIMUM, "largest number of seeds with --repeats auto", parse=at_least(RACE_START), metavar="N"
    )
    margin: float = option(
        MARGIN,
        "difference of practical interest: values that differ by less are called equivalent",
        parse=margin,
        metavar="SHARE",
    )
    objective: str = option(
        OBJECTIVE.metric,
        "figure that decides which configuration is better: the epochs' mean validation accuracy (the "
        f"report's), that of the best epoch, or a figure of the last epoch: {', '.join(OBJECTIVES)}",
        choices=tuple(OBJECTIVES),
        metavar="FIGURE",
    )
    final: bool = option(False, "evaluate the last winner once on the held-out data")

    @property
    def first_repeats(self) -> int:
        """The number of seeds that every value gets."""
        return RACE_START if self.repeats == AUTO_REPEATS else int(self.repeats)

    @property
    def most_repeats(self) -> int:
        """The number of seeds that a value may get."""
        return self.max_repeats if self.repeats == AUTO_REPEATS else int(self.repeats)
