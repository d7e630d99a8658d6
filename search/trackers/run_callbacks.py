"""Callbacks of a run: those that every run has, those that the options ask for, and a user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from data_prep.storage.remote import address_of
from search.callbacks.callback import Callback
from search.callbacks.live_state_writer import LiveStateWriter
from search.callbacks.uploader import Uploader
from search.callbacks.verbose_log import VerboseLog
from search.strategies.preparation import Prepared
from search.trackers.from_options import callbacks_of


@contextmanager
def told(
    prepared: Prepared,
    say: Callable[[str], None],
    cluster: Callable[[], Mapping[str, Any]],
    others: Sequence[Callback],
    *,
    holds: bool = True,
) -> Iterator[Sequence[Callback]]:
    """Gives all callbacks of a run, `others` last; closes them however it ends.

    `say` prints a line; `cluster` returns what is known of Ray's nodes, as JSON values. A driver that does
    not hold the study has the verbose log and `others` only: who holds it tells of all trials.
    """
    options, ledger, folder = prepared.options, prepared.ledger, prepared.folder
    with ExitStack() as stack:
        callbacks: list[Callback] = []
        if holds and address_of(folder):
            callbacks.append(Uploader(folder, ledger))  # the first is closed last
        if holds:
            callbacks.append(LiveStateWriter(folder, options.asked, cluster=cluster))
            callbacks += callbacks_of(options.callbacks, ledger, say)
        elif options.callbacks.verbose:
            callbacks.append(VerboseLog(folder, say))
        callbacks += others
        for callback in callbacks:
            stack.callback(callback.close)  # also those after one whose close raises
        yield callbacks
