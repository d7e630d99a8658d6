"""Request to stop a run of a study, or trials of it: a file that the run watches, and removes once obeyed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from data_prep.storage.json_files import read_as, write_json
from data_prep.storage.schema import require_schema
from search.study.formats import STOP
from search.study.layout import Layout


@dataclass(frozen=True, kw_only=True)
class StopRequest:
    """Request to the run that began at `run` (ISO 8601, UTC), and to no other.

    `everything` ends the run after the running epochs; `trials` are the keys of those to end.
    """

    run: str
    everything: bool = False
    trials: tuple[str, ...] = ()


def read_stop(folder: Path, run: str) -> StopRequest:
    """Returns what is asked of the run of the study in `folder` that began at `run`, which may be nothing.

    Raises InputError where the file is damaged.
    """
    found = read_as(Layout(folder).stop, STOP, _request, way_out="remove it, and ask again")
    # a request to an earlier run must never end this one
    return found if found is not None and found.run == run else StopRequest(run=run)


def ask_to_stop(folder: Path, run: str, trial: str = "") -> None:
    """Asks the run that began at `run` to end the trial with the key `trial`, without one to end itself.

    Raises InputError where a file is damaged.
    """
    before = read_stop(folder, run)
    trials = tuple(dict.fromkeys((*before.trials, *([trial] if trial else []))))
    _keep(folder, replace(before, everything=before.everything or not trial, trials=trials))


def forget_trial(folder: Path, run: str, trial: str) -> None:
    """Removes the request to end that trial; the file goes with the last one."""
    before = read_stop(folder, run)
    _keep(folder, replace(before, trials=tuple(key for key in before.trials if key != trial)))


def forget_stop(folder: Path) -> None:
    """Removes all requests."""
    with contextlib.suppress(OSError):  # a storage that is gone
        Layout(folder).stop.unlink(missing_ok=True)


def _request(values: Mapping[str, Any]) -> StopRequest:
    request = StopRequest(**{**values, "trials": tuple(values["trials"])})
    require_schema(request)
    return request


def _keep(folder: Path, request: StopRequest) -> None:
    if request.everything or request.trials:
        write_json(Layout(folder).stop, {"format": STOP.number, **asdict(request)})
    else:
        forget_stop(folder)
