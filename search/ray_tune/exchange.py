"""The folder that Tune keeps its own state in, where the trials of a population exchange checkpoints."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_prep.storage.remote import address_of, drop

_PREFIX = "ray-tune-"


def own_exchange(session: Path | None) -> Path:
    """Returns a new folder for trials that exchange nothing: in Ray's `session` here, else a temporary one.

    Tune writes there whenever it likes to, and what it writes is never read back: not into a study, whose
    storage may be away by then.
    """
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=session))


def exchange_of_population(checkpoints: Path, *, others: bool) -> Path:
    """Returns a new folder below the study, where every worker reads what a population exchanges.

    What a killed run left there is removed, unless `others` may use it: drivers that share the study.
    """
    for left_by_a_killed_run in () if others else checkpoints.glob(f"{_PREFIX}*"):
        drop(left_by_a_killed_run)
    # a path made of text would have lost the address of the study
    return checkpoints / Path(tempfile.mkdtemp(prefix=_PREFIX, dir=checkpoints)).name


@contextmanager
def exchanging(folder: Path, unkept: Callable[[], Exception | None]) -> Iterator[str]:
    """Gives Tune the `folder`, which is gone afterwards.

    What went wrong in the callback that keeps results is raised as it was, where `unkept` has it: Tune makes
    another error of it, around a traceback.
    """
    try:
        yield address_of(folder) or str(folder)
    except Exception:
        if error := unkept():
            raise error from None
        raise
    finally:
        drop(folder)
