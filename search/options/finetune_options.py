"""The options of search.run that lead from a winner to the final model."""

from __future__ import annotations

import argparse
from typing import Any

from search.options.types import at_least, place, rate
from search.space.stages import FINETUNE, HASSNER
from search.study.stage_results import JOINT
from trainables.trial import ALL_BLOCKS, AUGMENTATIONS, ON_IMAGES, PRECISIONS, TrialConfig

_OPTIONS = ("celeba", "celeba_root", "finetune", "finetune_rate", "pretraining_epochs")


BLOCKS_FACTOR = 0.1  # of the winner's learning rate, for blocks that are unfrozen
Blocks = int | str


def add_finetune_options(group: Any) -> None:
    """Adds the options of fine-tuning to a group of a parser."""
    group.add_argument(
        "--celeba",
        type=place,
        metavar="MANIFEST",
        help="what python -m data_prep.build celeba wrote, or sample (drawn faces): the winner is pretrained "
        f"on it, by --stage {FINETUNE}, or after --stage all and --mode joint by itself",
    )
    group.add_argument("--celeba-root", type=place, metavar="DIR", help="where its images lie now")
    group.add_argument(
        "--finetune",
        type=_depths,
        metavar="DEPTHS",
        help="head (on cached features), blocks:N (then the last N blocks of the backbone, on images), all "
        "(then the whole backbone), or several with commas (default: head)",
    )
    group.add_argument(
        "--finetune-rate",
        type=rate,
        metavar="RATE",
        help=f"Adam's, for unfrozen blocks (default: {BLOCKS_FACTOR:g} of the winner's)",
    )
    group.add_argument(
        "--pretraining-epochs", type=at_least(1), metavar="N", help="(default: as many as a trial has)"
    )


def add_image_options(group: Any) -> None:
    """Adds the options of networks that train on images to a group of a parser."""
    defaults = TrialConfig()
    group.add_argument(
        "--augment", choices=AUGMENTATIONS, help=f"of training images (default: {defaults.augment})"
    )
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help=f"of the arithmetic, weights stay float32; float16 needs a GPU (default: {defaults.precision})",
    )
    group.add_argument(
        "--train-batchnorm",
        action="store_true",
        default=None,
        help="of unfrozen blocks, too (default: it stays as in inference)",
    )


def image_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the options of training on images that were given, as fields of TrialConfig."""
    named = {name: getattr(arguments, name, None) for name in ON_IMAGES}
    return {name: value for name, value in named.items() if value is not None}


def find_finetune_contradiction(arguments: argparse.Namespace) -> str | None:
    """Returns in one sentence what is wrong with these options together, None where nothing is."""
    given = [name for name in _OPTIONS if getattr(arguments, name) is not None]
    whole = arguments.stage in (FINETUNE, "all") or arguments.mode == JOINT
    if given and not whole:
        return (
            f"--{given[0].replace('_', '-')} belongs to --stage {FINETUNE}, --stage all or --mode joint; "
            "use one of them, or leave it out"
        )
    for option, needed in (("celeba_root", "celeba"), ("pretraining_epochs", "celeba")):
        if option in given and needed not in given:
            return f"--{option.replace('_', '-')} belongs to --{needed}; add it, or leave out the option"
    blocks = _blocks(arguments)
    if "finetune_rate" in given and not blocks:
        return "--finetune-rate is of unfrozen blocks; add --finetune blocks:N, or leave it out"
    return _check_images(arguments, bool(blocks))


def is_wanted(arguments: argparse.Namespace) -> bool:
    """Whether this run goes on to fine-tuning."""
    return arguments.stage == FINETUNE or arguments.celeba is not None or arguments.finetune is not None


def _check_images(arguments: argparse.Namespace, unfreezes: bool) -> str | None:
    options = image_options(arguments)
    if options.get("precision") == "float16" and not arguments.gpus_per_trial:
        return "--precision float16 needs a GPU; add --gpus-per-trial 1, or use bfloat16"
    if not options or unfreezes or (arguments.backbone == HASSNER and "train_batchnorm" not in options):
        return None
    option = next(iter(options)).replace("_", "-")
    return (
        f"--{option} is for networks that train on images; add --finetune blocks:N"
        f"{'' if option == 'train-batchnorm' else ' or --backbone hassner'}, or leave it out"
    )


def _blocks(arguments: argparse.Namespace) -> tuple[Blocks, ...]:
    return tuple(depth for depth in arguments.finetune or () if depth)


def _depths(text: str) -> tuple[Blocks, ...]:
    """Returns the depths in `text`: 0 for the head alone."""
    return tuple(_depth(part.strip()) for part in text.split(","))


def _depth(text: str) -> Blocks:
    if text == "head":
        return 0
    if text in (ALL_BLOCKS, f"blocks:{ALL_BLOCKS}"):
        return ALL_BLOCKS
    count = text.removeprefix("blocks:")
    if count == text or not count.isdecimal() or not int(count):
        raise argparse.ArgumentTypeError(f"a depth is head, blocks:N (N from 1) or all, received {text!r}")
    return int(count)
