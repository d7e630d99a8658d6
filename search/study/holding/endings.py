"""How a run ends that cannot hold or join its study, or is taken for dead while it does."""

from __future__ import annotations

import _thread
import warnings
from pathlib import Path

from data_prep.errors import InputError, reason_of
from data_prep.storage.remote import shown


def end_here(sentence: str) -> None:
    """Says why this run ends, and ends it as Ctrl-C does: in order."""
    warnings.warn(sentence, stacklevel=2)
    _thread.interrupt_main()


def unwritable(folder: Path, error: OSError) -> InputError:
    """Returns what is said of a study's folder that cannot be written."""
    return InputError(
        f"the study's folder {shown(folder)} cannot be written ({reason_of(error)}); give another --storage"
    )
