"""python -m search.dashboard: a live page on a study, or on all studies of a storage."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from search.dashboard.access import LEAST_CHARACTERS, VARIABLE, how_to_reach, token_for
from search.dashboard.server import server_of
from search.dashboard.source import source_of
from search.options.types import STORAGE, offer_studies

_EPILOG = """\
examples:
  python -m search.dashboard
  python -m search.dashboard results/adience
  python -m search.dashboard s3://bucket/results

It writes only what its readers ask it to (notes, the end of a run), so it works while \
a search runs, afterwards, and without a cluster.
exit codes: 0 done, 1 failed, told in one line on standard error, 2 wrong usage
"""


@dataclass(frozen=True, kw_only=True)
class DashboardOptions:
    """What the page shows, where it listens, and the token that it demands or its file, None for the default.

    Raises InputError for a port that is none.
    """

    source: str = str(STORAGE)
    port: int = 8501
    host: str = "127.0.0.1"
    token: str | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        _port(self.port)


def main(argv: Sequence[str] | None = None) -> int:
    """Serves the page until it is interrupted; returns 0 done, 1 failed, told in one line, 2 wrong usage."""
    return exit_code(lambda: _serve(_parser().parse_into(DashboardOptions, argv)), "the dashboard has ended")


def _serve(options: DashboardOptions) -> None:
    token = token_for(options.host, options.token, options.token_file)
    source = source_of(options.source)
    serve = server_of(source, host=options.host, port=options.port, token=token.text if token else None)
    for line in (f"showing {source.name}", *how_to_reach(options.host, options.port, token)):
        print(line, file=sys.stderr, flush=True)
    serve()


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.dashboard",
        description="Serves a live page on a study, or on all studies of a storage.",
        epilog=_EPILOG,
    )
    source = parser.add_argument(
        "source",
        nargs="?",
        default=DashboardOptions.source,
        metavar="STUDY|STORAGE",
        help=f"name of a study in {STORAGE}, folder of a study or of several, or an address such as "
        "s3://bucket/results (default: %(default)s)",
    )
    offer_studies(source)
    parser.add_argument(
        "--port",
        type=_port,
        default=DashboardOptions.port,
        metavar="N",
        help="port to listen on (default: %(default)s)",
    )
    parser.add_argument(
        "--host",
        default=DashboardOptions.host,
        metavar="ADDRESS",
        help="address to listen on; with any but this machine's own, readers need the token "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--token",
        metavar="TEXT",
        help=f"token that readers must enter, at least {LEAST_CHARACTERS} characters, which others on this "
        f"machine can read in the list of processes (default: what {VARIABLE} holds, else none on this "
        "machine's own address, else a random one, which is printed)",
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds the token instead")
    return parser


def _port(received: str | int) -> int:
    text = str(received)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise InputError(f"must be a whole number from 1 to 65535, received {received!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
