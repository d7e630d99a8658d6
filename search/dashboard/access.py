"""Access to the page: from this machine alone, or by whoever has the token."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator

from data_prep.errors import InputError

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
LEAST_CHARACTERS = 16


def token_for(host: str, given: str | None) -> str | None:
    """Returns the token that the page demands: the one `given`, one made here, None on this machine only.

    Raises InputError for a token that could be guessed.
    """
    if given is not None and len(given) < LEAST_CHARACTERS:
        raise InputError(
            f"a token has at least {LEAST_CHARACTERS} characters, received {len(given)}; "
            "leave out --token, and one is made"
        )
    return given or (None if host in LOCAL_HOSTS else secrets.token_urlsafe(24))  # 192 random bits


def is_token(entered: str, token: str) -> bool:
    """Returns whether `entered` is `token`, in a time that does not tell how much of it is right."""
    # bytes: compare_digest takes no text beyond ASCII, which a reader may well enter
    return hmac.compare_digest(entered.strip().encode(), token.strip().encode())


def how_to_reach(host: str, port: int, token: str | None) -> Iterator[str]:
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
        yield f"token to enter: {token}"
