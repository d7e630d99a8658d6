"""The command line of python -m search.run: its options, their defaults and their help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.command_line.completion import completing
from data_prep.splits import PROTOCOLS, require_protocol
from search.options.command_line import OPTIONS
from search.options.conflicts import find_contradiction
from search.options.finetune_options import add_finetune_options, add_image_options, image_options
from search.options.types import (
    WANDB_MODES,
    WANDB_PROJECT,
    add_storage,
    at_least,
    checked,
    gpus,
    local_folder,
    offer,
    offer_studies,
    place,
    repeats,
    seconds,
    study_name,
    widths,
)
from search.space.joint_space import POPULATION, POPULATION_STAGES, SCHEDULERS, SEARCHES, VARIED
from search.space.stages import ALL, FINETUNE, HASSNER, STAGES, parse_order
from search.statistics.selection import RACE_MAXIMUM, RACE_START
from search.study.setup import KERAS_BACKENDS
from search.study.stage_results import JOINT
from trainables.backbones.table import BACKBONES, find_backbone
from trainables.features.cache import FEATURE_PRECISIONS
from trainables.trial import SCHEDULES, TrialConfig

NODE_TIMEOUT_S = 900.0
_EPILOG = """\
examples:
  python -m search.run --stage lr
  python -m search.run --stage lr --data adience.parquet --study adience
  python -m search.run --stage lr --data mine.parquet --backbone keras:EfficientNetB0 --repeats 3
  python -m search.run --stage all --study adience --data adience.parquet --repeats 3
  python -m search.run --mode joint --search tpe --num-samples 40 --scheduler asha
  python -m search.run --stage finetune --study adience --data adience.parquet --celeba celeba.parquet
  python -m search.run --stage lr --dry-run

The same command again continues a study where it was stopped; a finished trial is never trained twice.
exit codes: 0 done, 1 told in one line on standard error, 2 wrong usage, 130 interrupted
"""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options in `argv`, checked against each other.

    `given` holds the hyperparameters among them, `order` and `vary` the names of stages, `argv` all as typed.
    Wrong usage and --help end in SystemExit.
    """
    parser = completing(_parser())
    arguments = parser.parse_args(argv)
    arguments.argv = list(sys.argv[1:] if argv is None else argv)
    arguments.given = {
        name: getattr(arguments, name) for name in OPTIONS if getattr(arguments, name) is not None
    }
    if arguments.backbone == HASSNER:
        arguments.given |= image_options(arguments)
    try:
        TrialConfig.from_dict(arguments.given)
        arguments.order = parse_order(arguments.order)
        asked_to_vary = arguments.vary and parse_order(arguments.vary)
    except ValueError as error:
        parser.error(str(error))
    contradiction = find_contradiction(arguments)
    if contradiction:
        parser.error(contradiction)
    arguments.vary = asked_to_vary or (POPULATION_STAGES if arguments.scheduler == POPULATION else VARIED)
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.run",
        usage="python -m search.run (--stage STAGE | --mode joint) [options]",
        description="Tunes hyperparameters by stages or jointly: trains what is missing, names the winner.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--stage",
        choices=[*STAGES, FINETUNE, ALL],
        metavar="STAGE",
        help=f"what to tune: {', '.join(STAGES)}, or {ALL}; {FINETUNE}: from the winner to the final model",
    )
    parser.add_argument(
        "--mode",
        choices=("staged", JOINT),
        default="staged",
        help="one hyperparameter after the other, or all at once (default: %(default)s)",
    )
    _add_data(parser.add_argument_group("data"))
    _add_hyperparameters(parser.add_argument_group("hyperparameters held fixed"))
    _add_staged(parser.add_argument_group("staged search"))
    _add_joint(parser.add_argument_group("joint search"))
    _add_deciding(parser.add_argument_group("deciding"))
    add_finetune_options(parser.add_argument_group("final model"))
    add_image_options(parser.add_argument_group("training on images"))
    _add_study(parser.add_argument_group("study"))
    _add_following(parser.add_argument_group("following"))
    _add_machine(parser.add_argument_group("machine"))
    return parser


def _add_data(group: Any) -> None:
    group.add_argument(
        "--data",
        type=place,
        metavar="MANIFEST",
        help="what python -m data_prep.build wrote (default: the built-in sample of drawn faces)",
    )
    group.add_argument(
        "--data-root",
        type=place,
        metavar="DIR",
        help="where the images lie now (default: as in the manifest)",
    )
    group.add_argument(
        "--split",
        type=checked(require_protocol),
        default="random",
        metavar="PROTOCOL",
        help=f"{', '.join(PROTOCOLS)} (default: %(default)s, the report's 80/20)",
    )
    group.add_argument(
        "--weights",
        metavar="WEIGHTS",
        help="of the backbone: imagenet, none (random) or a file "
        "(default: imagenet for photographs, none for the drawn sample)",
    )
    group.add_argument(
        "--feature-precision",
        choices=FEATURE_PRECISIONS,
        default=FEATURE_PRECISIONS[0],
        help="of a frozen backbone's arithmetic: bfloat16 is faster on processors that have it, and makes "
        "features that differ by some per cent (default: %(default)s)",
    )


def _add_hyperparameters(group: Any) -> None:
    names = [backbone.name for backbone in BACKBONES]
    defaults = TrialConfig()
    backbone = group.add_argument(
        "--backbone",
        type=checked(find_backbone),
        metavar="NAME",
        help=f"{', '.join(names)} or keras:<Name> (default: {defaults.backbone}, or an earlier stage)",
    )
    offer(backbone, *names)
    for name, kind, meta, what in (
        ("batch_size", int, "N", "examples a step"),
        ("learning_rate", float, "RATE", "Adam's"),
        ("hidden_units", widths, "N/N/N", "widths of the dense blocks"),
        ("dropout", float, "RATE", "after each dense block"),
        ("l2", float, "FACTOR", "times the squared dense kernels"),
        ("learning_rate_schedule", str, "NAME", ", ".join(SCHEDULES)),
        ("epochs", int, "N", "of every trial"),
        ("seed", int, "N", "of the first repeat; the split's is always the report's 7"),
    ):
        default = getattr(defaults, name)
        shown = "/".join(map(str, default)) if isinstance(default, tuple) else default
        earlier = ", or an earlier stage" if name in _STAGED else ""
        option = group.add_argument(
            f"--{OPTIONS[name]}",
            dest=name,
            type=kind,
            metavar=meta,
            help=f"{what} (default: {shown}{earlier})",
        )
        if name == "learning_rate_schedule":
            offer(option, *SCHEDULES)


def _add_staged(group: Any) -> None:
    group.add_argument(
        "--order", default=",".join(STAGES), metavar="STAGES", help="of the stages (default: %(default)s)"
    )
    group.add_argument(
        "--sweeps",
        type=at_least(1),
        default=1,
        metavar="N",
        help="go through the stages again from the winner, until nothing changes (default: %(default)s)",
    )


def _add_joint(group: Any) -> None:
    group.add_argument(
        "--search",
        choices=SEARCHES,
        default="grid",
        help="which configurations are tried: all, random ones, or a model's (default: %(default)s)",
    )
    group.add_argument(
        "--scheduler",
        choices=SCHEDULERS,
        default="none",
        help="what stops trials early; pbt changes their values instead (default: %(default)s)",
    )
    group.add_argument(
        "--num-samples", type=at_least(1), metavar="N", help="configurations that random and tpe try"
    )
    group.add_argument(
        "--time-budget", type=seconds, metavar="TIME", help="such as 90s, 30m or 2h (default: none)"
    )
    group.add_argument(
        "--ranges",
        action="store_true",
        help="continuous ranges of learning rate, dropout and l2, not the grids",
    )
    group.add_argument(
        "--vary",
        metavar="STAGES",
        help=f"whose values to combine (default: {','.join(VARIED)}, 576 configurations; "
        f"with pbt {','.join(POPULATION_STAGES)})",
    )


def _add_deciding(group: Any) -> None:
    group.add_argument(
        "--repeats",
        type=repeats,
        default=1,
        metavar="N",
        help="seeds a value, the same for all; auto: until the winner is clear (default: %(default)s)",
    )
    group.add_argument(
        "--max-repeats",
        type=at_least(RACE_START),
        default=RACE_MAXIMUM,
        metavar="N",
        help="at most, with --repeats auto (default: %(default)s)",
    )
    group.add_argument(
        "--final", action="store_true", help="read the held-out data once, for the last winner"
    )


def _add_study(group: Any) -> None:
    study = group.add_argument(
        "--study",
        type=study_name,
        metavar="NAME",
        help="the folder's name below the storage (default: the manifest's name)",
    )
    offer_studies(study)
    add_storage(group)
    group.add_argument(
        "--cache", type=place, default=Path("cache"), metavar="DIR", help="of features (default: %(default)s)"
    )
    group.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    group.add_argument("--json", action="store_true", help="one JSON object on standard output")


def _add_following(group: Any) -> None:
    how_much = group.add_mutually_exclusive_group()
    how_much.add_argument("--quiet", action="store_true", help="print results, warnings and errors only")
    how_much.add_argument(
        "--verbose", action="store_true", help="print what Ray and the workers say, versions, files written"
    )
    group.add_argument(
        "--tensorboard",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write STUDY/tensorboard, for tensorboard --logdir (default: yes)",
    )
    group.add_argument(
        "--wandb",
        choices=WANDB_MODES,
        default=WANDB_MODES[0],
        help="log to Weights & Biases; offline: keep it for wandb sync (default: %(default)s, online where a "
        "key is configured)",
    )
    group.add_argument(
        "--wandb-project",
        default=WANDB_PROJECT,
        metavar="NAME",
        help="of Weights & Biases (default: %(default)s)",
    )
    group.add_argument(
        "--wandb-entity", metavar="NAME", help="user or team of Weights & Biases (default: the key's own)"
    )


def _add_machine(group: Any) -> None:
    group.add_argument(
        "--keras-backend",
        choices=("auto", *KERAS_BACKENDS),
        default="auto",
        help="auto: the variable KERAS_BACKEND, else jax where installed (default: %(default)s)",
    )
    group.add_argument(
        "--address", metavar="ADDRESS", help="of a running Ray, or auto (default: start Ray on this machine)"
    )
    group.add_argument(
        "--local-cache",
        type=local_folder,
        metavar="DIR",
        help="of each node's own disk, to which it copies the features that it trains on "
        "(default: read them in --cache)",
    )
    group.add_argument(
        "--node-timeout",
        type=seconds,
        default=NODE_TIMEOUT_S,
        metavar="TIME",
        help="how long to wait for a node that the autoscaler of --address starts (default: 15m)",
    )
    group.add_argument(
        "--cpus-per-trial",
        type=at_least(1),
        default=None,
        metavar="N",
        help="CPU cores of a trial (default: 2, or all of a smaller machine)",
    )
    group.add_argument(
        "--gpus-per-trial",
        type=gpus,
        default=0.0,
        metavar="SHARE",
        help="GPUs of a trial, such as 0.25 (default: %(default)g)",
    )
    group.add_argument(
        "--max-concurrent", type=at_least(1), metavar="N", help="trials at a time (default: all that fit)"
    )
    group.add_argument(
        "--pack",
        type=at_least(1),
        metavar="N",
        help="heads of one shape that JAX trains as one program "
        "(default: on a GPU as many as fit, on a CPU 1, which is faster there)",
    )
    group.add_argument(
        "--max-failures",
        type=at_least(0),
        default=2,
        metavar="N",
        help="times that a trial is started again after its worker died (default: %(default)s)",
    )


_STAGED = tuple(stage.hyperparameter for stage in STAGES.values())
