"""python -m search.report: a study's folder becomes a report with the published numbers beside ours."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from data_prep.command_line.completion import completing
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from search.options.types import add_study
from search.report.document import Document
from search.report.render.html import to_html
from search.report.render.markdown import to_markdown
from search.space.stages import STAGES
from search.study.study import Study


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage."""
    return exit_code(lambda: _report(argv))


def _report(argv: Sequence[str] | None) -> None:
    arguments = completing(_parser()).parse_args(argv)
    study = Study.find(arguments.study, arguments.storage)
    index = write_report(study, arguments.out or study.layout.report, f"{datetime.now(UTC):%Y-%m-%d}")
    print(f"report: {index}")


def write_report(study: Study, out: Path, made_on: str) -> Path:
    """Writes the report on `study` below `out`, and returns the path of its index.html.

    Beside it come report.md and figures/*.png; nothing else is written or changed. Files that could not be
    read are named on standard error and in the report. The same study and `made_on` give the same bytes.
    Raises InputError where no finished stage can be read, and where `out` cannot be written.
    """
    from search.report.contents import report_on  # slow: completion does without

    snapshot = study.snapshot()
    if not snapshot.results:
        damaged = f" ({'; '.join(snapshot.unread)})" if snapshot.unread else ""
        raise InputError(
            f"the study {study.folder} has no finished stage to report on{damaged}; "
            f"run python -m search.run --stage {next(iter(STAGES))} --study {snapshot.name} first"
        )
    for file in snapshot.unread:
        print(f"warning: left out {file}", file=sys.stderr)
    document = report_on(snapshot, made_on)
    try:
        _write_document(document, out)
    except OSError as error:
        raise InputError(
            f"the report cannot be written in {out} ({error.strerror}); give another folder with --out"
        ) from error
    return out / "index.html"


def _write_document(document: Document, out: Path) -> None:
    from search.report.render.matplotlib_figures import picture  # slow as well

    (out / "figures").mkdir(parents=True, exist_ok=True)
    for figure in document.figures():
        _write(out / "figures" / f"{figure.name}.png", picture(figure))
    for photo in document.photos():
        _write(out / "figures" / f"{photo.name}.png", photo.png)
    _write(out / "report.md", to_markdown(document).encode())
    _write(out / "index.html", to_html(document).encode())


def _write(path: Path, content: bytes) -> None:
    write_whole(path, lambda file: file.write(content))


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.report",
        description="Writes a study's report: index.html (opens without internet), report.md, figures/*.png.",
        epilog="exit codes: 0 done, 1 told in one line on standard error, 2 wrong usage",
    )
    add_study(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="(default: STUDY/report)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
