"""The command line of python -m data_prep.build: its options, their defaults and their help."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from data_prep.command_line.completion import completing
from data_prep.datasets import celeba, drawn_sample
from data_prep.storage.remote import is_address

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_ROOTS = {
    "adience": "the folder with fold_frontal_<k>_data.txt (or fold_<k>_data.txt) and aligned/",
    "celeba": "the folder with list_attr_celeba.txt (or .csv) and img_align_celeba/",
    "folder": "the folder with one folder a class, or with labels.csv; or a CSV file",
    "sample": "a new or empty folder to draw in, or one that holds this sample already",
}
_EPILOG = """\
examples:
  python -m data_prep.build adience --root adience --out adience.parquet
  python -m data_prep.build adience --root adience --yaw 0 --labels-only
  python -m data_prep.build celeba --root celeba --out celeba.parquet --json
  python -m data_prep.build folder --root my_photos --out mine.parquet --skip-bad-images
  python -m data_prep.build sample --root sample --out sample.parquet

exit codes: 0 done, 1 told in one line on standard error, 2 wrong usage, 130 interrupted
"""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options in `argv`; wrong usage and --help end in SystemExit."""
    parser = completing(_parser())
    arguments = parser.parse_args(argv)
    if arguments.out is None and not arguments.labels_only:
        parser.error("--out MANIFEST.parquet is needed, or --labels-only to count without writing")
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.build",
        description="Reads label files, opens every image, and writes a manifest: one row an image.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    datasets = parser.add_subparsers(dest="dataset", metavar="{adience,celeba,folder,sample}", required=True)
    _add_adience(_dataset(datasets, "adience", "Adience: the fold files and the aligned faces they name"))
    _add_celeba(_dataset(datasets, "celeba", "CelebA: the attribute file and the aligned images"))
    _add_folder(
        _dataset(datasets, "folder", "your own photographs of two classes, by folder or in a CSV file")
    )
    _add_sample(_dataset(datasets, "sample", "draws a small sample of both formats, to try things on"))
    return parser


def _dataset(datasets: Subparsers, name: str, job: str) -> argparse.ArgumentParser:
    parser = datasets.add_parser(name, help=job, description=f"{job}.", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help=_ROOTS[name])
    parser.add_argument("--out", type=_path, metavar="MANIFEST", help="the parquet file to write")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--labels-only", action="store_true", help="count the labels; open no image and write nothing"
    )
    parser.add_argument(
        "--skip-bad-images",
        action="store_true",
        help="leave out missing and broken images, and list them in a .skipped.txt beside MANIFEST",
    )
    return parser


def _add_adience(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--yaw",
        type=int,
        metavar="DEGREES",
        help="keep faces at this yaw angle, 0 is frontal (default: every row)",
    )


def _add_celeba(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--part", action="store_true", help="accept an attribute file with other rows than it declares"
    )
    parser.add_argument(
        "--test-share",
        type=_share,
        metavar="SHARE",
        help="draw this share of the images as the test fold "
        f"(default: the official partition file, {celeba.TEST_SHARE:g} where there is none)",
    )
    _add_seed(parser, celeba.TEST_SEED, "seed of that draw")


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="read path,label[,subject] from FILE, paths relative to DIR (default: DIR/labels.csv, if any)",
    )


def _add_sample(parser: argparse.ArgumentParser) -> None:
    for option, default, what in (
        ("--photos", drawn_sample.PHOTOS, "photos to draw in the Adience tree"),
        ("--celeba-photos", drawn_sample.CELEBA_PHOTOS, "photos to draw in the CelebA tree"),
    ):
        parser.add_argument(
            option, type=int, default=default, metavar="N", help=f"{what} (default: %(default)s)"
        )
    _add_seed(parser, drawn_sample.DRAWING_SEED, "seed of the drawings")


def _add_seed(parser: argparse.ArgumentParser, default: int, what: str) -> None:
    parser.add_argument(
        "--seed", type=_seed, default=default, metavar="N", help=f"{what} (default: %(default)s)"
    )


def _path(text: str) -> Path:
    if is_address(text):
        raise argparse.ArgumentTypeError(
            f"a manifest is written to a path of this machine only, received {text}; copy it there afterwards"
        )
    return Path(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"a share must lie between 0 and 1, received {text}")
    return share


def _seed(text: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError(
            f"a seed must be a whole number from 0 and below 2**32, received {text}"
        )
    return seed
