"""python -m search.audit: the audit of a manifest, with the features of a frozen backbone."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.audit.auditing import Features
from data_prep.audit.command import AuditOptions, add_options, run_audit
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.manifest import Manifest
from data_prep.storage.remote import located
from search.audit.features import cached_features, made_features
from search.study.setup import default_weights
from trainables.backbones.table import find_backbone

_EPILOG = """\
examples:
  python -m search.audit mine.parquet --html audit.html
  python -m search.audit mine.parquet --backbone resnet50_v2 --json

exit codes: 0 done, whatever was found, 1 failed, told in one line on standard error, 2 wrong usage, \
130 interrupted
"""


@dataclass(frozen=True, kw_only=True)
class SearchAuditOptions(AuditOptions):
    """An audit with features: of `backbone`, or of any that `cache` has them of where that is None.

    `weights` are those of the backbone, None for a search's default. Raises InputError for an unknown
    backbone.
    """

    backbone: str | None = None
    weights: str | None = None
    cache: Path = Path("cache")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backbone:
            find_backbone(self.backbone)

    def features_of(self, manifest: Manifest) -> Features | None:
        """Returns the features of the images of `manifest`, None where the cache has none."""
        weights = self.weights or default_weights(manifest)
        if self.backbone:
            return made_features(manifest, self.backbone, weights, self.cache)
        found = cached_features(manifest, weights, self.cache)
        if found is None:
            print(
                f"note: {self.cache} has no features of these images, so wrong labels were not looked for; "
                "--backbone NAME computes features",
                file=sys.stderr,
            )
        return found


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 failed, told in one line, 2 wrong usage, 130 interrupted."""
    return exit_code(lambda: _audit(_parser().parse_into(SearchAuditOptions, argv)))


def _audit(options: SearchAuditOptions) -> None:
    run_audit(options, options.features_of)


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.audit",
        description="Looks for what is wrong with the pictures and labels of a manifest, also by what a "
        "network sees in them.",
        epilog=_EPILOG,
    )
    add_options(parser)
    parser.add_argument(
        "--backbone",
        metavar="NAME",
        help="frozen backbone whose features are used, and computed if they are missing "
        "(default: one whose features are there)",
    )
    parser.add_argument(
        "--weights",
        metavar="WEIGHTS",
        help="weights of the backbone, as in search.run (default: imagenet, none for the drawn sample)",
    )
    parser.add_argument(
        "--cache",
        type=located,
        default=Path("cache"),
        metavar="DIR",
        help="folder of the feature cache (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
