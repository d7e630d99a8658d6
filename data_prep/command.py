"""How every command ends: with an exit code, and what may be expected to go wrong in one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from data_prep.errors import InputError

STDOUT = 1


def exit_code(work: Callable[[], object], interrupted: str = "interrupted: nothing was written") -> int:
    """Does `work` and returns 0 done, 1 told in one line, 2 wrong usage, 130 interrupted.

    A reader of the output that has gone ends it with 1, untold. InputError and OSError are told on standard
    error, and `interrupted` after Ctrl-C; any other exception is a bug and stays one.
    """
    try:
        work()
    except SystemExit as exit_:  # argparse has said what is wrong
        return int(exit_.code or 0)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # who read the output wants no more of it, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'a file'} cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
    return 0
