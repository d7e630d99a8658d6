"""Options that do not go together, and what to do instead."""

from __future__ import annotations

from dataclasses import fields

from data_prep.errors import InputError
from search.options.option import name_of
from search.options.run_groups import ImageOptions
from search.options.search_groups import HeldValues, JointOptions
from search.options.search_options import SearchOptions
from search.space.joint_space import POPULATION, POPULATION_STAGES
from search.space.stages import ALL, AUTO_REPEATS, EVERY_STAGE, FINETUNE
from search.space.values import show_values
from search.statistics.selection import RACE_MAXIMUM
from search.study.layout import Layout
from trainables.hyperparameters import Range

_TYPED_AS = {
    item.name: f"--{name_of(item)}" for group in (HeldValues, ImageOptions) for item in fields(group)
}
_NO_STAGE_LEFT = "--stage all has no stage left: every hyperparameter is given; leave one out"


def require_consistent(options: SearchOptions) -> None:
    """Raises InputError, in one sentence with the way out, for options that do not go together."""
    for check in (_check_joint if options.is_joint else _check_staged, *_OF_EVERY_MODE):
        if wrong := check(options):
            raise InputError(wrong)


def require_places(options: SearchOptions) -> None:
    """Raises InputError where the storage or the cache is a file, or the cache lies inside a study."""
    storage, cache = options.study.storage, options.study.cache.absolute()
    for option, path in (("--storage", storage), ("--cache", cache)):
        if path.exists() and not path.is_dir():
            raise InputError(f"{option} must be a folder, received the file {path}; give another folder")
    named = [storage.absolute() / options.study.name] if options.study.name else []
    for place in (cache, *cache.parents):
        if place in named or Layout(place).facts.is_file():
            raise InputError(
                f"--cache must lie outside of studies, received {cache} in {place}; give another folder"
            )


def _check_staged(options: SearchOptions) -> str | None:
    joint_only = [
        name_of(item) for item in fields(JointOptions) if getattr(options.joint, item.name) != item.default
    ]
    if joint_only:
        return f"--{joint_only[0]} belongs to --mode joint; add it, or leave out the option"
    if options.deciding.max_repeats != RACE_MAXIMUM and options.deciding.repeats != AUTO_REPEATS:
        return "--max-repeats belongs to --repeats auto; add it, or leave out --max-repeats"
    if options.stage is None:
        return f"--stage is needed: {', '.join(EVERY_STAGE)}, {FINETUNE} or {ALL}"
    if options.stage == ALL:
        return None if options.stage_names else _NO_STAGE_LEFT
    if options.stage == FINETUNE and options.deciding.final:
        return "--final reads the held-out data for a stage's winner; leave it out of --stage finetune"
    if options.staged.sweeps > 1:
        return f"--sweeps goes through several stages, --stage {options.stage} is one; use --stage {ALL}"
    return _check_one_stage(options.stage, options)


def _check_one_stage(stage: str, options: SearchOptions) -> str | None:
    others = [word for word in options.given_values if word != stage]
    if others:
        return f"--values names {others[0]}, --stage {stage} does not; leave it out, or use --stage {ALL}"
    hyperparameter = EVERY_STAGE[stage].hyperparameter if stage in EVERY_STAGE else ""
    if hyperparameter not in options.given:
        return None
    held = _TYPED_AS[hyperparameter]  # --schedule is learning_rate_schedule
    return f"--stage {stage} tries the values of {held} itself; leave out {held}"


def _check_joint(options: SearchOptions) -> str | None:
    joint = options.joint
    if options.stage is not None or options.staged.sweeps > 1:
        return "--mode joint varies all hyperparameters at once; leave out --stage and --sweeps"
    if options.staged.order is not None:
        return "--order is that of a staged search; leave it out, --vary says what a joint search varies"
    if joint.search == "grid" and joint.ranges:
        return "--search grid takes single values, --ranges has none; use --search random or tpe"
    if joint.search == "grid" and joint.num_samples is not None:
        return "--search grid tries every configuration; leave out --num-samples, or use --search random"
    if joint.search != "grid" and joint.num_samples is None:
        return f"--search {joint.search} needs --num-samples, the number of configurations to try"
    if (options.machine.pack or 1) > 1 and joint.scheduler in ("hyperband", POPULATION):
        return f"--scheduler {joint.scheduler} pauses trials, which a pack cannot; leave out --pack"
    if joint.scheduler == POPULATION:
        return _check_population(options)
    if options.deciding.repeats == AUTO_REPEATS:
        return "--repeats auto is for stages; a joint search repeats its best with --repeats N"
    return None


def _check_values(options: SearchOptions) -> str | None:
    values = options.given_values
    for word in values:
        name = EVERY_STAGE[word].hyperparameter
        if name in options.given and options.stage != word:  # of its own stage it is said before
            return (
                f"--values tries several values of {word}, {_TYPED_AS[name]} holds one; leave out one of them"
            )
    for name in options.stage_names:
        options.stage_called(name)  # a range is refused
    left_out = [word for word in values if word not in options.varied]
    if options.is_joint and left_out:
        return f"--values names {left_out[0]}, which --vary does not; add it there, or leave it out"
    outside = [word for word in values if options.stage == ALL and word not in options.order]
    if outside:
        return f"--values names {outside[0]}, which --order does not; add it there, or leave it out"
    if options.is_joint and options.joint.search == "grid":
        ranges = [word for word in values if isinstance(values[word], Range)]
        if ranges:
            return (
                f"--search grid tries single values, {ranges[0]} has a range; say how many, as in "
                f"{ranges[0]}={show_values(values[ranges[0]])}:5, or use --search random or tpe"
            )
    if options.joint.scheduler == POPULATION and not all(isinstance(each, Range) for each in values.values()):
        return "--scheduler pbt moves values within ranges, received a list; write lr=1e-4..1e-1:log"
    return None


def _check_population(options: SearchOptions) -> str | None:
    if options.joint.search != "random":
        search = options.joint.search
        return f"--scheduler pbt starts from a random population; use --search random, not {search}"
    if options.deciding.repeats != 1:  # a repeat takes one configuration from its first epoch on
        return "--scheduler pbt changes values while it trains and cannot be repeated; leave out --repeats"
    if not set(options.varied) <= set(POPULATION_STAGES):
        return f"--scheduler pbt varies {' and '.join(POPULATION_STAGES)}; leave the others out of --vary"
    return None


def _check_final_model(options: SearchOptions) -> str | None:
    final, given = options.final_model, list(options.final_model.given)
    whole = options.stage in (FINETUNE, ALL) or options.is_joint
    if given and not whole:
        return (
            f"--{given[0].replace('_', '-')} belongs to --stage {FINETUNE}, --stage all or --mode joint; "
            "use one of them, or leave it out"
        )
    for option in ("celeba_root", "pretraining_epochs"):
        if option in given and final.celeba is None:
            return f"--{option.replace('_', '-')} belongs to --celeba; add it, or leave out the option"
    if final.finetune_rate is not None and not final.blocks:
        return "--finetune-rate is of unfrozen blocks; add --finetune blocks:N, or leave it out"
    return None


def _check_own_code(options: SearchOptions) -> str | None:
    space = options.space
    if space.head and space.network:
        return "--network is backbone and head in one; leave out --head"
    if space.network and options.held.backbone:
        return "--network is backbone and head in one; leave out --backbone"
    if options.tunes_head and not (space.head or space.network):
        return "--stage head tries what a file of yours declares; name it with --head FILE:FUNCTION"
    return None


def _check_images(options: SearchOptions) -> str | None:
    given = options.images.given
    if given.get("precision") == "float16" and not options.machine.gpus_per_trial:
        return "--precision float16 needs a GPU; add --gpus-per-trial 1, or use bfloat16"
    whole = options.trains_on_images and not options.held.unfrozen_blocks
    from_pixels = options.trains_on_images and not (whole and "train_batchnorm" in given)
    if not given or options.final_model.blocks or from_pixels:
        return None
    option = next(iter(given)).replace("_", "-")
    or_whole = "" if option == "train-batchnorm" else " or --backbone hassner"
    return (
        f"--{option} is for networks that train on images; add --finetune blocks:N, --unfrozen-blocks N"
        f"{or_whole}, or leave it out"
    )


def _check_callbacks(options: SearchOptions) -> str | None:
    if options.callbacks.quiet and options.callbacks.verbose:
        return "--quiet says little and --verbose much; leave out one of them"
    return None


def _check_accelerator(options: SearchOptions) -> str | None:
    if options.machine.accelerator and not options.machine.gpus_per_trial:
        return "--accelerator is a kind of GPU, and trials have none; add --gpus-per-trial 1, or leave it out"
    return None


def _check_seeds(options: SearchOptions) -> str | None:
    if options.given.get("seed", 0) + options.deciding.most_repeats < 2**31:
        return None
    return f"--seed and the repeats after it must stay below {2**31}, received {options.held.seed}"


_OF_EVERY_MODE = (
    *(_check_own_code, _check_values, _check_final_model, _check_images, _check_callbacks, _check_seeds),
    _check_accelerator,
)
