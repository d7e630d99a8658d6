"""Failed trials with what they reported; nodes and resources of the latest run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any

import pandas as pd

from data_prep.storage.regular_files import MOST_TEXT, read_regular
from search.dashboard.trials import trial_label, trial_table
from search.study.layout import Layout
from search.study.live_state import Live, LiveState
from search.study.snapshot import Snapshot
from trainables.trial import TrialResult, TrialStatus

_TAIL, _LOG_TAIL = 10, 20  # epochs, lines
_LATEST, _SLACK_S = 500, 1.0  # trials of the timeline
_MADE_WITH = ("device", "keras", "ray", "python")
_COLUMNS = ("node", "trials", "hours", "failed", *_MADE_WITH)
_NAMES = {
    "ray_address": "Ray's address",
    "cpus_per_trial": "CPUs per trial",
    "gpus_per_trial": "GPUs per trial",
    "max_concurrent": "trials at a time",
}


@dataclass(frozen=True)
class Failure:
    """Failed trial: what it is called, why it failed, its last epochs and its worker's last words."""

    label: str
    reason: str
    log: str


def failures(snapshot: Snapshot) -> list[Failure]:
    """Returns the failed trials of the study, and those of the latest run that are in no ledger."""
    table = trial_table(snapshot)
    rows = table[table["status"] == TrialStatus.FAILED.value].to_dict("records")
    live = {trial.key: trial.epochs for trial in (snapshot.live.failed if snapshot.live else ())}
    found = []
    for row in rows:
        ended = snapshot.trials.get(row["key"])
        epochs = [epoch.to_dict() for epoch in ended.epochs] if ended else live.get(row["key"], ())
        log = "\n".join([*map(_line, list(epochs)[-_TAIL:]), *last_words(snapshot.folder, row["key"])])
        found.append(Failure(trial_label(row), row["reason"] or "no reason was given", log))
    return found


def last_words(study: Path, key: str) -> list[str]:
    """Returns the last lines of the log of a trial's worker; none where it left no log."""
    try:
        said = read_regular(Layout(study).log(key), MOST_TEXT)
    except OSError:
        return []
    return said.decode("utf-8", "replace").splitlines()[-_LOG_TAIL:]


def nodes_of(trials: Iterable[TrialResult]) -> pd.DataFrame:
    """Returns a row for each node, with device and versions, that trials name, the busiest first."""
    rows = [
        {
            "node": trial.made_by["node"],
            "trials": 1,
            "hours": trial.seconds / 3600,
            "failed": int(trial.status is TrialStatus.FAILED),
            **{name: trial.made_by.get(name, "-") for name in _MADE_WITH},
        }
        for trial in trials
        if "node" in trial.made_by
    ]
    table = pd.DataFrame(rows, columns=pd.Index(_COLUMNS))
    grouped = table.groupby(["node", *_MADE_WITH], as_index=False).sum()
    ordered = grouped.sort_values("trials", ascending=False, ignore_index=True)
    return ordered[list(_COLUMNS)].round({"hours": 2})


@dataclass(frozen=True, kw_only=True)
class Ran:
    """When and where a trial ran: minutes since the first of those shown began, and a place on its node."""

    key: str
    stage: str
    node: str
    place: int
    begin: float
    end: float


def timeline_of(snapshot: Snapshot) -> list[Ran]:
    """Returns when the latest trials ran, by the moments of their files and the seconds that they took.

    Trials of a node that ran at the same time have places of their own.
    """
    trials, ended_at = snapshot.trials, snapshot.ended_at
    latest = nlargest(_LATEST, trials, key=ended_at.__getitem__)
    stages = trial_table(snapshot).set_index("key")["stage"]
    spans = sorted((ended_at[key] - trials[key].seconds, ended_at[key], key) for key in latest)
    ends: dict[str, list[float]] = {}
    found = []
    for begin, end, key in spans:
        node = trials[key].made_by.get("node", "unknown node")
        of_node = ends.setdefault(node, [])
        # a file is written a moment after its trial has ended
        free = next((n for n, until in enumerate(of_node) if until <= begin + _SLACK_S), len(of_node))
        of_node[free : free + 1] = [end]
        minutes = [(moment - spans[0][0]) / 60 for moment in (begin, end)]
        ran = Ran(key=key, stage=stages[key], node=node, place=free + 1, begin=minutes[0], end=minutes[1])
        found.append(ran)
    return sorted(found, key=lambda ran: (ran.node, ran.place))


def machine_facts(live: Live | None) -> Iterator[tuple[str, str]]:
    """Yields what is known of the latest run's machine and cluster: name and value."""
    if live is None:
        return
    yield "host, process", f"{live.host}, {live.pid}"
    yield "started (UTC)", live.started_at[:19].replace("T", " ")
    yield "last heard of (UTC)", live.written_at[:19].replace("T", " ")
    yield "trials in training", str(len(live.running))
    for name, words in _NAMES.items():
        value = live.asked.get(name)
        if value is not None:
            yield words, f"{value:g}" if isinstance(value, float) else str(value)
    # of a run that is over Ray's nodes may be gone; what stands here is the last that was written
    when = "" if live.state is LiveState.RUNNING else ", when last heard of"
    for name, value in live.cluster.items():
        yield f"{name.replace('_', ' ')}{when}", str(value)


def _line(epoch: Mapping[str, Any]) -> str:
    names = ("loss", "val_loss", "val_accuracy")
    figures = [f"{name} {epoch[name]:.4f}" for name in names if epoch[name] is not None]
    return f"epoch {epoch['epoch']}: {', '.join(figures) or 'no finite figure'}"
