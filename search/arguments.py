"""The command line of python -m search.run: its options, their defaults and their help."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data_prep.splits import PROTOCOLS
from search.stages import STAGES
from trainables.backbones import BACKBONES
from trainables.trial import SCHEDULES, TrialConfig

_EPILOG = """\
examples:
  python -m search.run --stage lr
  python -m search.run --stage lr --data adience.parquet --study adience
  python -m search.run --stage lr --data mine.parquet --backbone keras:EfficientNetB0 --repeats 3
  python -m search.run --stage lr --dry-run

The same command again continues a study where it was stopped; a finished trial is never trained twice.
exit codes: 0 done, 1 told in one line on standard error, 2 wrong usage, 130 interrupted
"""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options in `argv`, the hyperparameters among them as the dictionary `given`.

    Wrong usage and --help end in SystemExit.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    given = {
        name: getattr(arguments, name) for name in _HYPERPARAMETERS if getattr(arguments, name) is not None
    }
    try:
        TrialConfig.from_dict(given)
    except ValueError as error:
        parser.error(str(error))
    stage = STAGES.get(arguments.stage)
    if stage and stage.hyperparameter in given:
        option = f"--{_OPTIONS[stage.hyperparameter]}"
        parser.error(f"--stage {stage.name} tries the values of {option} itself; leave out {option}")
    arguments.given = given
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.run",
        description="Tunes the hyperparameter of a stage: trains every value of its grid, names the winner.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    grids = ", ".join(STAGES)
    parser.add_argument(
        "--stage", required=True, choices=list(STAGES), metavar="STAGE", help=f"what to tune: {grids}"
    )
    _add_data(parser.add_argument_group("data"))
    _add_hyperparameters(parser.add_argument_group("hyperparameters held fixed"))
    _add_study(parser.add_argument_group("study"))
    _add_machine(parser.add_argument_group("machine"))
    return parser


def _add_data(group: Any) -> None:
    group.add_argument(
        "--data",
        type=Path,
        metavar="MANIFEST",
        help="what python -m data_prep.build wrote (default: the built-in sample of drawn faces)",
    )
    group.add_argument(
        "--data-root", type=Path, metavar="DIR", help="where the images lie now (default: as in the manifest)"
    )
    group.add_argument(
        "--split",
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


def _add_hyperparameters(group: Any) -> None:
    names = ", ".join(backbone.name for backbone in BACKBONES)
    defaults = TrialConfig()
    group.add_argument(
        "--backbone", metavar="NAME", help=f"{names} or keras:<Name> (default: {defaults.backbone})"
    )
    for name, kind, meta, what in (
        ("batch_size", int, "N", "examples a step"),
        ("learning_rate", float, "RATE", "Adam's"),
        ("hidden_units", _widths, "N/N/N", "widths of the dense blocks"),
        ("dropout", float, "RATE", "after each dense block"),
        ("l2", float, "FACTOR", "times the squared dense kernels"),
        ("learning_rate_schedule", str, "NAME", ", ".join(SCHEDULES)),
        ("epochs", int, "N", "of every trial"),
        ("seed", int, "N", "of the first repeat; the split's is always the report's 7"),
    ):
        default = getattr(defaults, name)
        shown = "/".join(map(str, default)) if isinstance(default, tuple) else default
        group.add_argument(
            f"--{_OPTIONS[name]}",
            dest=name,
            type=kind,
            metavar=meta,
            help=f"{what} (default: {shown}{', or an earlier stage' if name in _STAGED else ''})",
        )


def _add_study(group: Any) -> None:
    group.add_argument(
        "--study", metavar="NAME", help="the folder's name below the storage (default: the manifest's name)"
    )
    group.add_argument(
        "--storage",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="of studies (default: %(default)s)",
    )
    group.add_argument(
        "--cache", type=Path, default=Path("cache"), metavar="DIR", help="of features (default: %(default)s)"
    )
    group.add_argument(
        "--repeats", type=_at_least(1), default=1, metavar="N", help="seeds a value (default: %(default)s)"
    )
    group.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    group.add_argument("--json", action="store_true", help="one JSON object on standard output")


def _add_machine(group: Any) -> None:
    group.add_argument(
        "--keras-backend",
        default="auto",
        metavar="NAME",
        help="tensorflow, jax or auto: KERAS_BACKEND, else jax where installed (default: %(default)s)",
    )
    group.add_argument(
        "--address", metavar="ADDRESS", help="of a running Ray, or auto (default: start Ray on this machine)"
    )
    group.add_argument(
        "--cpus-per-trial",
        type=_at_least(1),
        default=None,
        metavar="N",
        help="(default: 2, or all of a smaller machine)",
    )
    group.add_argument(
        "--gpus-per-trial",
        type=_gpus,
        default=0.0,
        metavar="SHARE",
        help="such as 0.25 (default: %(default)g)",
    )
    group.add_argument(
        "--max-concurrent", type=_at_least(1), metavar="N", help="trials at a time (default: all that fit)"
    )


_OPTIONS = {
    "backbone": "backbone",
    "batch_size": "batch-size",
    "learning_rate": "learning-rate",
    "hidden_units": "hidden-units",
    "dropout": "dropout",
    "l2": "l2",
    "learning_rate_schedule": "schedule",
    "epochs": "epochs",
    "seed": "seed",
}
_HYPERPARAMETERS = tuple(_OPTIONS)
_STAGED = tuple(stage.hyperparameter for stage in STAGES.values())


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.replace(",", "/").split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"widths are whole numbers such as 512/256/128, received {text!r}"
        ) from None


def _at_least(least: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}, received {text!r}")
        return number

    return whole_number


def _gpus(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share < 1024 or (share > 1 and share != int(share)):
        raise argparse.ArgumentTypeError(f"must be a share up to 1 or a whole number, received {text!r}")
    return share
