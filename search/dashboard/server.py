"""The server of the page: Streamlit, set to send nothing anywhere."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from search.dashboard.access import LOCAL_HOSTS
from search.dashboard.source import Source


def server_of(source: Source, *, host: str, port: int, token: str | None) -> Callable[[], None]:
    """Returns what serves the page on `source` until it is interrupted; it has not begun to listen yet.

    `token` is demanded of every reader, unless it is None. Raises InputError where `host` and `port` cannot
    be listened at, and where Streamlit is missing.
    """
    _require_free(host, port)
    options = server_options(host, port)
    try:
        from streamlit.web import bootstrap

        # here, not when the first reader comes: the page imports for seconds
        from search.dashboard.page import Settings, configure
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise InputError(
            f"the dashboard needs {package}, which is not installed; "
            "install it with pip install '.[dashboard]' in the checkout"
        ) from None
    bootstrap.load_config_options(options)
    configure(Settings(source, token))
    app = str(Path(__file__).with_name("app.py"))

    def serve() -> None:
        threading.Thread(target=_read_ahead, args=(source,), daemon=True).start()
        bootstrap.run(app, False, [], options)

    return serve


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


def _read_ahead(source: Source) -> None:
    """Parses a single study while its first reader is still on the way, and imports what figures need."""
    gc.disable()  # the search for cycles would look at all trials, a second for 50,000
    try:
        with suppress(InputError):  # the page will say so
            studies = source.studies()
            if len(studies) == 1:
                source.reader(studies[0]).read()
    finally:
        gc.freeze()  # and look at them again and again
        gc.enable()
    # hundreds of modules, for which the first figures would wait
    import optuna.importance  # noqa: F401
    import scipy.interpolate  # noqa: F401
