"""Runs of a study that were logged to Weights & Biases: one file per run, so that none is logged twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_prep.storage.json_files import read_json, write_json
from search.final_model.model_card import CARD_FILE
from search.study.formats import LOGGED
from search.study.layout import Layout

UNDER_WAY = "under way"  # the state of a run that a server knows, nobody knows how much of it


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Destination of runs: the study's folder, and the project of an entity (empty for the user's own)."""

    study: Path
    mode: str
    project: str
    entity: str = ""

    @property
    def name(self) -> str:
        """The project, as a file is called."""
        return as_id("_".join(filter(None, (self.entity, self.project))))

    @property
    def runs(self) -> Path:
        """Where runs that were logged offline lie, whole."""
        return Layout(self.study).wandb

    @property
    def unfinished(self) -> Path:
        """Where wandb writes; what lies there when it ends is of no use."""
        return self.runs / "unfinished"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Run of W&B: a trial, or the summary of a stage."""

    id: str
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A run that was logged: its summary, and one row per epoch; `state` tells its end from another.

    `number` counts the ids that it has had at W&B, `sent` says whether a server knows the latest.
    """

    run: Run
    state: str
    summary: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]] = ()
    number: int = 1
    sent: bool = False

    @property
    def id(self) -> str:
        """Its latest id at W&B."""
        return self.run.id if self.number == 1 else f"{self.run.id}-{self.number}"


class Note:
    """Note of what was logged to a destination's project: `<study>/wandb/logged/<project>/<id>.json`."""

    def __init__(self, destination: Destination) -> None:
        self._folder = destination.runs / "logged" / destination.name

    def find(self, run_id: str) -> Logged | None:
        """Returns the run, None where it was not logged; a damaged file counts as not logged."""
        return _read(self._folder / f"{run_id}.json")

    def all(self) -> Iterator[Logged]:
        """Yields every logged run."""
        yield from filter(None, map(_read, sorted(self._folder.glob("*.json"))))

    def write(self, logged: Logged) -> None:
        """Keeps that `logged` was."""
        values = {"format": LOGGED.number, **asdict(logged)}
        write_json(self._folder / f"{logged.run.id}.json", values)


def final_model_of(study: Path) -> Any:
    """Returns the final model with its record and card as an artifact; None where there is none."""
    import wandb

    model = Layout(study).model
    if not model.is_file():
        return None
    artifact = wandb.Artifact(f"{as_id(study.name)}-final-model", type="model")
    for path in (model, model.with_suffix(".json"), model.with_name(CARD_FILE)):
        if path.is_file():
            artifact.add_file(str(path))  # copied, so that a later model does not change what is sent
    return artifact


def upload_s(study: Path) -> float:
    """Returns how long (s) the final model may take to a server: a second per megabyte."""
    model = Layout(study).model
    return model.stat().st_size / 1e6 if model.is_file() else 0.0


def as_id(name: str) -> str:
    """Returns `name` as W&B takes it in an id, and every system in a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def _read(path: Path) -> Logged | None:
    try:
        values = read_json(path, LOGGED)
        del values["format"]
        run = Run(**{**values["run"], "tags": tuple(values["run"]["tags"])})
        return Logged(**{**values, "run": run})
    except (OSError, ValueError, KeyError, TypeError):  # to log it once more is better than never
        return None
