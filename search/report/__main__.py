"""python -m search.report: a study's folder becomes a report with the published numbers beside ours."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_prep.command_line.console import print_warning
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from search.options.types import STORAGE, add_study
from search.study.study import Study


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """A study, by its name below `storage` or by its folder; `out` None is report/ in that folder."""

    study: str
    storage: Path = STORAGE
    out: Path | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the report; returns 0 done, 1 failed, told in one line, 2 wrong usage."""
    return exit_code(lambda: _report(_parser().parse_into(ReportOptions, argv)))


def _report(options: ReportOptions) -> None:
    from search.report.writer import write_report  # slow to import: --help and completion do without

    study = Study.find(options.study, options.storage)
    snapshot = study.snapshot()
    index = write_report(snapshot, options.out or study.layout.report, f"{datetime.now(UTC):%Y-%m-%d}")
    for sentence in snapshot.unread:
        print_warning(f"left out {sentence}")
    if snapshot.check_advice:
        print_warning(snapshot.check_advice)
    print(f"report: {index}")


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.report",
        description="Writes the report of a study: index.html (opens without internet), report.md, "
        "figures/*.png.",
    )
    add_study(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the report (default: report/ in the study's folder)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
