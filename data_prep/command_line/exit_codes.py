"""The end of every command: an exit code, and one sentence for what may be expected to go wrong."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from data_prep.command_line.console import text_console
from data_prep.command_line.names import shortened
from data_prep.errors import InputError

STDOUT = 1
INTERRUPTED = (130, 143)  # by SIGINT, by SIGTERM: 128 and the number of the signal


def exit_code(work: Callable[[], object], interrupted: str = "interrupted: nothing was written") -> int:
    """Returns the code of `work`: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.

    A reader of the output that has gone ends it with 1, untold. InputError and OSError are told on standard
    error, and `interrupted` after Ctrl-C or SIGTERM; any other exception is a bug and stays one.
    """
    terminations: list[int] = []
    try:
        with _hearing_sigterm(terminations), warnings.catch_warnings():
            # what Pillow finds odd about a file that it can read is for whoever wrote it
            warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            work()
    except SystemExit as exit_:  # argparse has said what is wrong
        return int(exit_.code or 0)
    except InputError as error:
        _tell(f"error: {shortened(str(error))}")
        return 1
    except BrokenPipeError:  # who read the output wants no more of it, such as head
        # else Python, which flushes at its end, would complain of the same once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        return 1
    except OSError as error:
        _tell(f"error: {error.filename or 'a file'} cannot be used ({error.strerror})")
        return 1
    except KeyboardInterrupt:  # perhaps another than ours: Tune raises its own
        _tell(interrupted)
        return 143 if terminations else 130
    return 0


def end_process(code: int) -> NoReturn:
    """Ends this process with the `code` of its command, whatever signal comes now that this is known.

    Once interrupted it ends before Python destroys its objects: Ray's compiled part, interrupted as it
    starts, may crash then, and the shell would see 139, its segmentation fault.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if code in INTERRUPTED:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _tell(sentence: str) -> None:
    text_console(stderr=True).print(sentence, soft_wrap=True)


@contextmanager
def keeping_sigterm() -> Iterator[None]:
    """Gives SIGTERM back to who had it, whatever a library makes of it meanwhile."""
    handler = signal.getsignal(signal.SIGTERM)  # Ray's own would end the process without a word
    try:
        yield
    finally:
        if callable(handler) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _hearing_sigterm(heard: list[int]) -> Iterator[None]:
    """Makes SIGTERM, as batch systems and containers send it, a Ctrl-C, and notes it in `heard`."""
    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread set a handler
        yield
        return

    def interrupt(number: int, _: object) -> NoReturn:
        heard.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
