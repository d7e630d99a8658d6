"""python -m data_prep.audit: what is wrong with the pictures and labels of a manifest."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.audit.auditing import Features
from data_prep.audit.command import AuditOptions, add_options, run_audit
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError, reason_of
from data_prep.storage.regular_files import require_regular

_EPILOG = """\
examples:
  python -m data_prep.audit mine.parquet --html audit.html
  python -m data_prep.audit mine.parquet --split kfold:5 --json

suspects of wrong labels need features: python -m search.audit takes those that a search has made, \
or makes them

exit codes: 0 done, whatever was found, 1 failed, told in one line on standard error, 2 wrong usage, \
130 interrupted
"""


@dataclass(frozen=True, kw_only=True)
class _Options(AuditOptions):
    features: Path | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 failed, told in one line, 2 wrong usage, 130 interrupted."""
    return exit_code(lambda: _audit(_parser().parse_into(_Options, argv)))


def _audit(options: _Options) -> None:
    features = None if options.features is None else _features(options.features)
    run_audit(options, lambda manifest: features)


def _features(path: Path) -> Features:
    try:
        require_regular(path)
        features: Features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} cannot be read as an array of numpy ({reason_of(error)}); name a .npy file"
        ) from error
    if features.ndim != 2 or not np.issubdtype(features.dtype, np.floating):
        raise InputError(
            f"features must be (images, features) of floating-point numbers, {path} is "
            f"{features.shape} of {features.dtype}; name another file"
        )
    return features


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m data_prep.audit",
        description="Looks for what is wrong with the pictures and labels of a manifest.",
        epilog=_EPILOG,
    )
    add_options(parser)
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help=".npy file of the images' features, one row per image in the order of the manifest",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
