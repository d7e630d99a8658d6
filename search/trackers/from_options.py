"""Callbacks that the options ask for: the verbose log, TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import configparser
import importlib.util
import netrc
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from data_prep.errors import InputError
from search.callbacks.callback import Callback
from search.callbacks.verbose_log import VerboseLog
from search.options.run_groups import CallbackOptions
from search.options.types import DISABLED, OFFLINE, ONLINE, WANDB_AUTO
from search.study.ledger import Ledger
from search.trackers.wandb.logged_runs import Destination

_SERVER = "https://api.wandb.ai"  # wandb's own default
_OLDER_NAMES = {"dryrun": OFFLINE, "run": ONLINE}  # of WANDB_MODE; wandb still takes them


def require_trackers(options: CallbackOptions) -> None:
    """Raises InputError where a tracker is asked for and cannot be had."""
    require_wandb(options)
    require_mlflow(options)


def require_wandb(options: CallbackOptions) -> None:
    """Raises InputError where W&B is asked for and cannot be had."""
    if options.wandb in (ONLINE, OFFLINE) and not _is_installed():
        raise InputError(
            f"--wandb {options.wandb} needs the package wandb, which is not installed; "
            "pip install '.[wandb]' in the checkout, or leave out --wandb"
        )
    if options.wandb == ONLINE and not has_key(os.environ):
        raise InputError(
            "--wandb online needs a key of Weights & Biases, none is configured; "
            "run wandb login, set WANDB_API_KEY, or use --wandb offline"
        )


def require_mlflow(options: CallbackOptions) -> None:
    """Raises InputError where MLflow is asked for and cannot be had."""
    if options.mlflow and importlib.util.find_spec("mlflow") is None:
        raise InputError(
            f"--mlflow {options.mlflow} needs the package mlflow-skinny, which is not installed; "
            "pip install '.[mlflow]' in the checkout, or leave out --mlflow"
        )


def callbacks_of(options: CallbackOptions, ledger: Ledger, say: Callable[[str], None]) -> Iterator[Callback]:
    """Yields the callbacks that the options ask for; `say` gets what they have to say."""
    folder = ledger.folder
    if options.verbose:
        yield VerboseLog(folder, say)
    if options.tensorboard:
        from search.trackers.tensorboard.writer import TensorBoard  # loaded only where it is asked for

        yield TensorBoard(folder, ledger)
    if options.mlflow:
        from search.trackers.mlflow.callback import MlflowLog
        from search.trackers.mlflow.server import MlflowServer

        yield MlflowLog(partial(MlflowServer, options.mlflow, folder.name), ledger, say)
    mode, why = wandb_mode(options.wandb, os.environ)
    if why:
        say(f"W&B       {why}")
    if mode:
        from search.trackers.wandb.callback import WandbLog

        destination = Destination(
            study=folder, mode=mode, project=options.wandb_project, entity=options.wandb_entity or ""
        )
        yield WandbLog(destination, ledger, say)


def wandb_mode(asked: str, environ: Mapping[str, str]) -> tuple[str | None, str]:
    """Returns "online", "offline" or None for off, and what to say of it, if anything.

    "auto" is online where a key is configured and WANDB_MODE, the variable of wandb's own, says nothing else.
    """
    if asked != WANDB_AUTO:
        return (None if asked == DISABLED else asked), ""
    said = environ.get("WANDB_MODE", ONLINE)
    wished = _OLDER_NAMES.get(said, said)
    if wished not in (ONLINE, OFFLINE):
        return None, f"off: WANDB_MODE is {said}"
    if not _is_installed():
        return None, "off: the package wandb is not installed"
    if wished == ONLINE and not has_key(environ):
        return None, "off: no key is configured (wandb login, or --wandb offline)"
    return wished, ""


def has_key(environ: Mapping[str, str]) -> bool:
    """Returns whether wandb will find a key: in the environment, a netrc file, or its settings."""
    # wandb itself would ask for a key at the terminal
    if environ.get("WANDB_API_KEY") or environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    home = Path(environ.get("HOME", "~")).expanduser()
    settings = _settings(Path(environ.get("WANDB_CONFIG_DIR", home / ".config" / "wandb")) / "settings")
    # a netrc file has the keys of other servers, too
    server = environ.get("WANDB_BASE_URL") or settings.get("base_url") or _SERVER
    try:
        known = netrc.netrc(environ.get("NETRC", home / ".netrc"))
    except (OSError, netrc.NetrcParseError):
        known = None
    return bool(settings.get("api_key") or (known and known.authenticators(urlsplit(server).netloc)))


def _settings(path: Path) -> Mapping[str, str]:
    parser = configparser.ConfigParser(interpolation=None)  # a key may have a % in it
    try:
        parser.read(path)
        return dict(parser["default"])
    except (configparser.Error, KeyError, OSError, UnicodeDecodeError):
        return {}


def _is_installed() -> bool:
    return importlib.util.find_spec("wandb") is not None
