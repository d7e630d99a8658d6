"""The live state of a run, for those who look from outside: `live.json` in the study's folder."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from data_prep.storage.json_files import read_as
from data_prep.storage.schema import Count, Seconds, require_schema
from search.study.formats import LIVE
from search.study.layout import Layout
from search.study.search_id import SearchId
from trainables.trial import TrialConfig

SILENT_S = 30.0  # after so long without a write a run counts as killed
GONE_S = 3.0  # where its process is gone from this machine, after so long


class LiveState(StrEnum):
    """State of a run: it goes on, or what became of it."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"
    SILENT = "silent"  # it has not written for long, and has not said that it ended: killed, most likely


@dataclass(frozen=True, kw_only=True)
class LiveTrial:
    """A trial that runs, or one that failed in this run; `reason` says why.

    An epoch's figures stand by their name, None where one is not finite.
    """

    key: str
    config: TrialConfig
    split: str
    started_at: str
    epochs: Sequence[Mapping[str, Any]]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Live:
    """The state of the latest run of a study. Moments are ISO 8601, UTC.

    `search` is what it trains, None before the first; `done` of `expected` trials of it have ended;
    `seconds_left` is None before its first epoch. `asked` are the options of the run that matter to a
    reader, `cluster` what is known of Ray's nodes, `reason` what went wrong where that ended the run.
    """

    state: LiveState
    search: SearchId | None
    host: str
    pid: int
    started_at: str
    begun_at: str
    written_at: str
    expected: Count
    done: Count
    seconds_left: Seconds | None
    running: Sequence[LiveTrial]
    failed: Sequence[LiveTrial]
    asked: Mapping[str, Any]
    cluster: Mapping[str, Any]
    reason: str = ""


def read_live(folder: Path, now: float | None = None) -> Live | None:
    """Returns the live state of the study in `folder` at `now` (unix seconds); None where it has none.

    Raises InputError where the file is damaged.
    """
    return read_as(
        Layout(folder).live,
        LIVE,
        lambda values: _aged(_live(values), time.time() if now is None else now),
        way_out="remove it, the next run writes it again",
    )


def _aged(live: Live, now: float) -> Live:
    age_s = now - datetime.fromisoformat(live.written_at).timestamp()
    # a process can be asked for on this machine only; the number of another machine's says nothing here
    gone = live.host == socket.gethostname() and not is_alive(live.pid)
    if live.state is LiveState.RUNNING and age_s > (GONE_S if gone else SILENT_S):
        return replace(live, state=LiveState.SILENT)
    return live


def _live(values: Mapping[str, Any]) -> Live:
    search = SearchId.parse(values["search"]) if values["search"] else None
    trials = {name: tuple(map(_live_trial, values[name])) for name in ("running", "failed")}
    live = Live(**{**values, **trials, "search": search, "state": LiveState(values["state"])})
    require_schema(live)
    return live


def _live_trial(values: Mapping[str, Any]) -> LiveTrial:
    return LiveTrial(**{**values, "config": TrialConfig.from_dict(values["config"])})


def is_alive(pid: int) -> bool:
    """Returns whether this machine has a process with that number."""
    try:
        os.kill(pid, 0)  # signal 0 is not sent, only allowed or not
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, but another user's
        pass
    return True
