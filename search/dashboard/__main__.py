"""python -m search.dashboard: a live page on a study, or on all studies of a storage."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.command_line.completion import completing
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from search.dashboard.access import LOCAL_HOSTS, how_to_reach, token_for
from search.dashboard.page import Settings, configure
from search.dashboard.source import Source, source_of
from search.options.types import STORAGE, offer_studies

_EPILOG = """\
examples:
  python -m search.dashboard
  python -m search.dashboard results/adience
  python -m search.dashboard s3://bucket/results

It reads the study's folder only, so it works while a search runs, afterwards, and without a cluster.
exit codes: 0 done, 1 told in one line on standard error, 2 wrong usage
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serves the page until it is interrupted; returns 0 done, 1 told in one line, 2 wrong usage."""
    return exit_code(lambda: _serve(completing(_parser()).parse_args(argv)), "the dashboard has ended")


def server_options(host: str, port: int) -> dict[str, Any]:
    """Returns Streamlit's options: where it listens, and that it sends nothing anywhere.

    Host names other than this machine's are refused where only this machine may look, so that a page
    elsewhere cannot have its own name point here (DNS rebinding).
    """
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.allowedHosts": ["localhost", "127.0.0.1", "::1"] if host in LOCAL_HOSTS else [],
        "server.enableAgentApi": False,
        "server.enableStaticServing": False,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "browser.serverAddress": "localhost" if host in LOCAL_HOSTS else host,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "logger.hideWelcomeMessage": True,
        "logger.level": "error",
        "runner.magicEnabled": False,
        "theme.paddingTop": "3rem",
        "theme.light.primaryColor": "#1f6fb2",
        "theme.light.textColor": "#0b0d12",  # captions have it at 60 %, which must be read, too
        "theme.dark.primaryColor": "#6db3f2",
    }


def _serve(arguments: argparse.Namespace) -> None:
    token = token_for(arguments.host, arguments.token)
    source = source_of(arguments.source)
    _require_free(arguments.host, arguments.port)
    options = server_options(arguments.host, arguments.port)
    bootstrap = _streamlit(options)
    configure(Settings(source, token))
    threading.Thread(target=_read_ahead, args=(source,), daemon=True).start()
    print(f"showing {source.name}", file=sys.stderr)
    for line in how_to_reach(arguments.host, arguments.port, token):
        print(line, file=sys.stderr, flush=True)
    bootstrap.run(str(Path(__file__).with_name("app.py")), False, [], options)


def _streamlit(options: Mapping[str, Any]) -> Any:
    """Returns the module that starts Streamlit, with `options` set; raises InputError where it is missing."""
    try:
        from streamlit.web import bootstrap

        bootstrap.load_config_options(dict(options))
        from search.dashboard import page  # noqa: F401  # what it imports is there when the first reader comes
    except ModuleNotFoundError as error:
        raise InputError(
            f"the dashboard needs {error.name}; install it with pip install 'stagewise[dashboard]'"
        ) from None
    return bootstrap


def _read_ahead(source: Source) -> None:
    """Parses a single study while its first reader is still on the way."""
    try:
        studies = source.studies()
        if len(studies) == 1:
            source.reader(studies[0]).read()
    except InputError:  # the page will say so
        return


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or os.strerror(error.errno or 0)
            raise InputError(
                f"{host} port {port} cannot be used ({reason}); give another --port or --host"
            ) from None


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.dashboard",
        description="Serves a live page on a study, or on all studies of a storage.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_argument(
        "source",
        nargs="?",
        default=str(STORAGE),
        metavar="STUDY|STORAGE",
        help="a folder, a study's name in results, or an address such as s3:// (default: %(default)s)",
    )
    offer_studies(source)
    parser.add_argument(
        "--port", type=_port, default=8501, metavar="N", help="to listen at (default: %(default)s)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="to listen at; another than this machine's own demands a token (default: %(default)s)",
    )
    parser.add_argument(
        "--token", metavar="TEXT", help="that readers must enter (default: made, where needed)"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 65535, received {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
