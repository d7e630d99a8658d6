"""What of a study was logged to Weights & Biases: one file a run, so that nothing is logged twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_prep.files import write_json

FOLDER = "wandb"  # in the study's; wandb itself writes there, too
ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where runs go: the study's folder, and the project of an entity (empty for the user's own)."""

    study: Path
    mode: str
    project: str
    entity: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of W&B: a trial, or the summary of a stage."""

    id: str
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A run that was logged whole, with its summary; `state` tells whether there is more to log now."""

    run: Run
    state: str
    summary: Mapping[str, Any]


class Note:
    """The runs that were logged to the project of `place`: `<study>/wandb/logged/<project>/<id>.json`."""

    def __init__(self, place: Place) -> None:
        project = "_".join(filter(None, (place.entity, place.project)))
        self._folder = place.study / FOLDER / "logged" / plain(project)

    def find(self, run_id: str) -> Logged | None:
        """Returns the run, None where it was not logged; a damaged file counts as not logged."""
        return _read(self._folder / f"{run_id}.json")

    def all(self) -> Iterator[Logged]:
        """Yields every logged run."""
        for path in sorted(self._folder.glob("*.json")):
            logged = _read(path)
            if logged:
                yield logged

    def write(self, logged: Logged) -> None:
        """Keeps that `logged` was."""
        write_json(self._folder / f"{logged.run.id}.json", asdict(logged))


def plain(name: str) -> str:
    """Returns `name` as W&B takes it in an id, and every system in a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def _read(path: Path) -> Logged | None:
    try:
        values = json.loads(path.read_text("utf-8"))
        run = Run(**{**values["run"], "tags": tuple(values["run"]["tags"])})
        return Logged(**{**values, "run": run})
    except (OSError, ValueError, KeyError, TypeError):
        return None
