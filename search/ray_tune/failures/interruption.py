"""Ctrl-C and SIGTERM that end a search, also where the exception that they raise is lost inside Ray."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ray import tune

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_heard: list[int] = []


@contextmanager
def hearing_interruptions() -> Iterator[None]:
    """Notes each signal that interrupts this process, and has done with it what would be done without."""
    _heard.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_DFL, None)}

    def note(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if callable(handler):
            _heard.append(number)
            handler(number, frame)
        require_uninterrupted()  # ignored, as by a job that a shell started behind itself, it stays ignored

    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_from_within() -> None:
    """Raises KeyboardInterrupt in the main thread, from another, also where the process ignores SIGINT."""
    _heard.append(signal.SIGINT)
    _thread.interrupt_main()


def require_uninterrupted() -> None:
    """Raises KeyboardInterrupt where a signal was heard: its own may have been raised where nobody hears it.

    Python runs a signal's handler between any two steps of the main thread, also in a callback out of Ray's
    compiled code or while an object is deleted, where an exception is printed and forgotten.
    """
    if _heard:
        raise KeyboardInterrupt


class EndsWhenInterrupted(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Ends Tune's loop, which takes a tenth of a second at most for a step, once a signal was heard."""

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Looks whether to go on."""
        require_uninterrupted()
