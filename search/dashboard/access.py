"""Access to the page: from this machine alone, or by whoever has the token."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError, reason_of
from data_prep.storage.regular_files import read_text

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
LEAST_CHARACTERS = 16
VARIABLE = "STAGEWISE_DASHBOARD_TOKEN"


@dataclass(frozen=True)
class Token:
    """What readers must enter, and where it is from; `origin` is empty for one that was made here."""

    text: str
    origin: str = ""

    @property
    def to_tell(self) -> str:
        """What whoever starts the page is told of it: a token that was kept elsewhere is not printed."""
        return self.text if not self.origin else f"the one {self.origin}"


def token_for(host: str, given: str | None, file: Path | None = None) -> Token | None:
    """Returns the token that the page demands: given, of `file`, of the variable, made here; else None.

    One is made where `host` is open to other machines. Raises InputError for two, for one that could be
    guessed, and for a file that cannot be read.
    """
    if given is not None and file is not None:
        raise InputError("--token and --token-file are two tokens for one page; leave one out")
    variable = os.environ.get(VARIABLE)
    if given is not None:
        token = Token(given, "of --token")
    elif file is not None:
        token = Token(_of_file(file), f"in {file}")
    elif variable is not None:
        token = Token(variable.strip(), f"in {VARIABLE}")
    elif host in LOCAL_HOSTS:
        return None
    else:
        return Token(secrets.token_urlsafe(24))  # 192 random bits
    if len(token.text) < LEAST_CHARACTERS:
        raise InputError(
            f"a token has at least {LEAST_CHARACTERS} characters, received {len(token.text)} "
            f"({token.origin}); without any, one is made for pages that other machines reach"
        )
    return token


def _of_file(file: Path) -> str:
    try:
        return read_text(file).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--token-file {file} cannot be read: {reason_of(error)}") from error


def is_token(entered: str, token: str) -> bool:
    """Returns whether `entered` is `token`, in a time that does not tell how much of it is right."""
    # bytes: compare_digest takes no text beyond ASCII, which a reader may well enter
    return hmac.compare_digest(entered.strip().encode(), token.strip().encode())


def how_to_reach(host: str, port: int, token: Token | None) -> Iterator[str]:
    """Yields what to tell who started the page: its address, how to tunnel to it, and what to enter."""
    if host in LOCAL_HOSTS:
        yield f"dashboard: http://{f'[{host}]' if ':' in host else host}:{port}"
        yield f"from another machine: ssh -L {port}:localhost:{port} USER@THIS_MACHINE, then the same address"
        yield f"on a Ray cluster: ray attach -p {port} cluster.yaml, then the same address"
    else:
        yield f"dashboard: http://THIS_MACHINE:{port} (listening on {host})"
        yield "the page is not encrypted, so anyone on the way can read it; a tunnel without --host is safer:"
        yield f"  ssh -L {port}:localhost:{port} USER@THIS_MACHINE, or ray attach -p {port} cluster.yaml"
    if token:
        yield f"token to enter: {token.to_tell}"
