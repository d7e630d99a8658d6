"""The command line of python -m data_prep.build: argv becomes a frozen value, with defaults and help."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from data_prep.class_names import typed_class_names
from data_prep.command_line.parser import CommandParser
from data_prep.datasets import adience, celeba, drawn_sample, fairface
from data_prep.datasets.own_folder import csv_labels
from data_prep.datasets.own_folder.folder_rules import FolderRules, composed
from data_prep.datasets.row_collector import ON_CONFLICT
from data_prep.errors import InputError
from data_prep.groups import APART, TOGETHER
from data_prep.pictures.decoder import MIN_SIDE
from data_prep.storage.remote import address_of, located

LARGEST_SIDE = 10_000  # that may be asked for; 89 million pixels are less than its square
Subparsers: TypeAlias = "argparse._SubParsersAction[CommandParser]"

_ROOTS = {
    "adience": "folder with fold_frontal_<k>_data.txt (or fold_<k>_data.txt) and aligned/ or faces/",
    "celeba": "folder with list_attr_celeba.txt (or .csv) and img_align_celeba/, or with Anno, Eval and Img",
    "folder": "folder with one folder per class, or train/, validation/ and test/ with such, or labels.csv",
    "utkface": "folder with UTKFace's images, unpacked as they come",
    "fairface": "folder with fairface_label_train.csv, fairface_label_val.csv, train/ and val/",
    "sample": "new or empty folder to draw in, or one that holds this sample already",
}
_EPILOG = """\
examples:
  python -m data_prep.build adience --root adience --out adience.parquet
  python -m data_prep.build adience --root adience --yaw 0 --labels-only
  python -m data_prep.build celeba --root celeba --out celeba.parquet --json
  python -m data_prep.build folder --root my_photos --out mine.parquet
  python -m data_prep.build sample --root sample --out sample.parquet

exit codes: 0 done, 1 failed, told in one line on standard error, 2 wrong usage, 130 interrupted
"""


@dataclass(frozen=True, kw_only=True)
class BuildOptions(FolderRules):
    """A build: the data set below `root`, and the manifest `out` that is made of it.

    The rules of a folder hold for any data set that has what they are about. Without `look_for_images` labels
    are counted and nothing is written, and `out` may be None. `min_side` is the least number of pixels of an
    image's sides; with `follow_links` links may lead out of `root`. `alike` says whether splits keep equal
    and near-equal images on one side, None as for the data set. `target`, `yaw` (degrees) and `group` are
    options of Adience; `part` and `test_share` of CelebA; `attribute` of CelebA and FairFace; `photos`,
    `celeba_photos` and `drawn_classes` of the sample; `seed` is that of CelebA's test share or of the
    drawings.

    Raises InputError where `out` is missing or at an address, for a share, a seed or rules that are none.
    """

    dataset: str
    root: Path
    out: Path | None = None
    json: bool = False
    skip_bad_images: bool = False
    min_side: int = MIN_SIDE
    alike: str | None = None
    target: str = adience.TARGETS[0]
    yaw: int | None = None
    group: str | None = None
    attribute: str | None = None
    part: bool = False
    test_share: float | None = None
    drawn_classes: int | None = None
    photos: int = drawn_sample.PHOTOS
    celeba_photos: int = drawn_sample.CELEBA_PHOTOS
    seed: int = drawn_sample.DRAWING_SEED

    def __post_init__(self) -> None:
        if self.out is None and self.look_for_images:
            raise InputError("--out MANIFEST.parquet is needed, or --labels-only to count without writing")
        if self.out is not None and address_of(self.out):
            raise InputError(
                f"a manifest is written to a path of this machine only, received {address_of(self.out)}; "
                "copy it there afterwards"
            )
        # again, for a value that no parser has read
        if self.test_share is not None:
            _share(self.test_share)
        _seed(self.seed)
        _side(self.min_side)
        super().__post_init__()


def parse_options(argv: Sequence[str] | None) -> BuildOptions:
    """Returns the options in `argv`; wrong usage, --help and --version end in SystemExit."""
    # the options of one data set are typed: others keep their defaults
    return _parser().parse_into(BuildOptions, argv)


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m data_prep.build",
        description="Reads label files, opens every image, and writes a manifest: one row per image.",
        epilog=_EPILOG,
    )
    datasets = parser.add_subparsers(
        dest="dataset", metavar="{folder,adience,celeba,utkface,fairface,sample}", required=True
    )
    _add_adience(_dataset(datasets, "adience", "Adience: the fold files and the aligned faces they name"))
    _add_celeba(_dataset(datasets, "celeba", "CelebA: the attribute file and the aligned images"))
    _add_folder(
        _dataset(datasets, "folder", "Your own photographs, 2 to 1,000 classes, by folder or in a CSV file")
    )
    _add_utkface(_dataset(datasets, "utkface", "UTKFace: the gender in the names of its files"))
    _add_fairface(_dataset(datasets, "fairface", "FairFace: its two label files, which keep their split"))
    _add_sample(_dataset(datasets, "sample", "A small drawn sample of both formats, to try things on"))
    return parser


def _dataset(datasets: Subparsers, name: str, what: str) -> CommandParser:
    parser = datasets.add_parser(name, help=what, description=f"{what}.", version=False)
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help=_ROOTS[name])
    parser.add_argument("--out", type=located, metavar="MANIFEST", help="parquet file to write")
    parser.add_json()
    parser.add_argument(
        "--labels-only",
        action="store_false",
        dest="look_for_images",
        help="only count the labels: no image is opened, no file written",
    )
    parser.add_argument(
        "--skip-bad-images",
        action="store_true",
        help="leave out missing and broken images, and list them in a .skipped.txt beside the manifest",
    )
    parser.add_argument(
        "--alike",
        choices=(TOGETHER, APART),
        help="whether splits keep equal and near-equal images on one side (default: together, apart for "
        "published data sets and the sample)",
    )
    parser.add_argument(
        "--min-side",
        type=_side,
        default=MIN_SIDE,
        metavar="PX",
        help="smallest side of an image, in pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--follow-links",
        action="store_true",
        help="follow links that lead out of DIR, and links to folders",
    )
    return parser


def _add_adience(parser: CommandParser) -> None:
    parser.add_argument(
        "--target",
        choices=adience.TARGETS,
        default=adience.TARGETS[0],
        help="what the label is: the gender, or one of eight age groups; rows without one are left out "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--yaw",
        type=int,
        metavar="DEGREES",
        help="yaw angle of the faces to keep, 0 is frontal (default: every row)",
    )
    parser.add_argument(
        "--group",
        choices=adience.GROUPS,
        help="what must not be on both sides of a split: a Flickr user, a face of one, or a photograph "
        "(default: user)",
    )
    _add_conflict(parser)


def _add_celeba(parser: CommandParser) -> None:
    parser.add_argument(
        "--attribute",
        metavar="NAME",
        help=f"attribute that is the label, any of CelebA's 40 (default: {celeba.GENDER_ATTRIBUTE})",
    )
    _add_conflict(parser)
    parser.add_argument(
        "--part",
        action="store_true",
        help="a part of CelebA: the attribute file may have more or fewer rows than it declares",
    )
    parser.add_argument(
        "--test-share",
        type=_share,
        metavar="SHARE",
        help="share of the images to draw as the test fold, between 0 and 1 "
        f"(default: the official partition file, {celeba.TEST_SHARE:g} where there is none)",
    )
    _add_seed(parser, celeba.TEST_SEED, "seed of the draw of --test-share")


def _add_folder(parser: CommandParser) -> None:
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="CSV file of path,label[,group], the paths relative to DIR (default: DIR/labels.csv, if any)",
    )
    for option, usual, what in (
        ("--path-column", " or ".join(csv_labels.PATH_COLUMNS), "paths of the images"),
        ("--label-column", " or ".join(csv_labels.LABEL_COLUMNS), "classes"),
        ("--group-column", " or ".join(csv_labels.GROUP_COLUMNS), "groups, if any"),
    ):
        parser.add_argument(
            option, metavar="NAME", help=f"column of the CSV file with the {what} (default: {usual})"
        )
    parser.add_argument(
        "--classes",
        dest="class_names",
        type=_names,
        metavar="NAME,NAME",
        help="classes, beginning with that of label 0; a name with a comma in double quotes "
        "(default: female,male and the like, or the alphabet)",
    )
    _add_paths(parser)
    _add_conflict(parser)


def _add_utkface(parser: CommandParser) -> None:
    _add_paths(parser)


def _add_fairface(parser: CommandParser) -> None:
    parser.add_argument(
        "--attribute",
        choices=fairface.ATTRIBUTES,
        help=f"column that is the label (default: {fairface.ATTRIBUTES[0]})",
    )
    _add_conflict(parser)


def _add_paths(parser: CommandParser) -> None:
    parser.add_argument(
        "--group-regex",
        metavar="PATTERN",
        help="regular expression that finds in a path what must not be on both sides of a split: its first "
        "group in brackets, if any, else the whole match",
    )


def _add_conflict(parser: CommandParser) -> None:
    parser.add_argument(
        "--on-conflict",
        choices=ON_CONFLICT,
        default=ON_CONFLICT[0],
        help="what happens to an image whose rows contradict each other: refuse the data, drop the image, or "
        "keep its first row (default: %(default)s)",
    )


def _add_sample(parser: CommandParser) -> None:
    for option, default, what in (
        ("--photos", drawn_sample.PHOTOS, "number of photos in the Adience tree"),
        ("--celeba-photos", drawn_sample.CELEBA_PHOTOS, "number of photos in the CelebA tree"),
    ):
        parser.add_argument(
            option, type=int, default=default, metavar="N", help=f"{what} (default: %(default)s)"
        )
    parser.add_argument(
        "--classes",
        dest="drawn_classes",
        type=int,
        metavar="N",
        help="draw a folder for each of 2 to 4 hair colours instead of the two trees "
        "(default: the two trees, whose classes are genders)",
    )
    _add_seed(parser, drawn_sample.DRAWING_SEED, "seed of the drawings")


def _add_seed(parser: CommandParser, default: int, what: str) -> None:
    parser.add_argument(
        "--seed", type=_seed, default=default, metavar="N", help=f"{what} (default: %(default)s)"
    )


def _names(received: str) -> tuple[str, ...]:
    return tuple(composed(name) for name in typed_class_names(received))


def _share(received: str | float) -> float:
    try:
        share = float(received)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:  # NaN fails as well
        raise InputError(f"a share must lie between 0 and 1, received {received}")
    return share


def _seed(received: str | int) -> int:
    try:
        seed = int(received)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**32:  # scikit-learn takes none from 2**32
        raise InputError(f"a seed must be a whole number from 0 and below 2**32, received {received}")
    return seed


def _side(received: str | int) -> int:
    try:
        side = int(received)
    except ValueError:
        side = 0
    if not 1 <= side <= LARGEST_SIDE:
        raise InputError(
            f"a side must be a whole number of pixels from 1 to {LARGEST_SIDE:,}, received {received}"
        )
    return side
