"""The folder in which Tune's trials exchange checkpoints while a search runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_prep.storage.remote import address_of, drop
from data_prep.storage.standing import standing

_PREFIX = "ray-tune-"


@contextmanager
def exchange_below(
    checkpoints: Path, unkept: Callable[[], Exception | None], *, others: bool = False
) -> Iterator[str]:
    """Gives Tune a place below the study, where every worker reads what a population exchanges.

    What a killed run left there is removed, unless `others` may use it: drivers that share the study.

    What went wrong in the callback that keeps results is raised as it was, where `unkept` has it: Tune makes
    another error of it, around a traceback.
    """
    standing(checkpoints, lambda: checkpoints.mkdir(parents=True, exist_ok=True))
    for left_by_a_killed_run in () if others else checkpoints.glob(f"{_PREFIX}*"):
        drop(left_by_a_killed_run)
    # a path made of text would have lost the address of the study
    folder = checkpoints / Path(tempfile.mkdtemp(prefix=_PREFIX, dir=checkpoints)).name
    try:
        yield address_of(folder) or str(folder)
    except Exception:
        if error := unkept():
            raise error from None
        raise
    finally:
        drop(folder)
