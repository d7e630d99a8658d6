"""Signals whose exception is lost: the next look ends the search."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import pytest

from search.ray_tune.failures.interruption import (
    EndsWhenInterrupted,
    hearing_interruptions,
    interrupt_from_within,
    require_uninterrupted,
)


@pytest.fixture(autouse=True)
def _signals_interrupt() -> Iterator[None]:
    """Signals as commands have them; whoever runs the tests in the background ignores SIGINT."""
    before = {
        sent: signal.signal(sent, signal.default_int_handler) for sent in (signal.SIGINT, signal.SIGTERM)
    }
    yield
    for sent, handler in before.items():
        signal.signal(sent, handler)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda sent: sent.name)
def test_signal_whose_exception_was_lost_ends_the_next_step(sent: signal.Signals) -> None:
    with hearing_interruptions():
        EndsWhenInterrupted().on_step_begin(1, [])
        with contextlib.suppress(KeyboardInterrupt):  # as a callback out of compiled code does
            signal.raise_signal(sent)
        with pytest.raises(KeyboardInterrupt):
            EndsWhenInterrupted().on_step_begin(2, [])


def test_signal_is_raised_at_once_where_nothing_stands_in_its_way() -> None:
    with hearing_interruptions(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_signal_of_before_does_not_end_what_begins_now() -> None:
    with hearing_interruptions(), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with hearing_interruptions():
        require_uninterrupted()


def test_handlers_are_given_back_and_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with hearing_interruptions():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                interrupt_from_within()  # here from the main thread itself
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
