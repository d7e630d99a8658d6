"""Reads a study's folder for the report, without changing anything in it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from search.space.stages import STAGES
from search.study.finetune_result import ColumnResult, FinetuneResult
from search.study.folder import read_study
from search.study.stage_results import JOINT, Entry, StageFiles, StageResult
from trainables.trial import TrialConfig, TrialResult, TrialStatus

PHOTOGRAPHS = "photographs.png"  # beside the final model, by python -m search.predict


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """What lies in a study's folder: stages by the time they finished, trials by key.

    `readings` are of held-out data (`final.json`), `finetune` is what fine-tuning found and `photographs`
    the picture (PNG) of what the final model says of some, None where they are not there. `unread` names
    each file that could not be read, and why.
    """

    name: str
    facts: Mapping[str, Any]
    results: Sequence[StageResult]
    trials: Mapping[str, TrialResult]
    readings: Sequence[Mapping[str, Any]]
    finetune: FinetuneResult | None
    unread: Sequence[str]
    photographs: bytes | None = None

    @property
    def staged(self) -> list[StageResult]:
        """The stages, without the joint search."""
        return [result for result in self.results if result.stage != JOINT]

    @property
    def joint(self) -> StageResult | None:
        """The joint search, None where it has not run."""
        return next((result for result in self.results if result.stage == JOINT), None)

    @property
    def last(self) -> StageResult | None:
        """The stage that finished last with a winner: the outcome of the staged search."""
        return next((result for result in reversed(self.staged) if result.winner), None)

    def stage(self, name: str, sweep: int = 1) -> StageResult | None:
        """Returns the result of a stage, None where it has not run."""
        return next(
            (result for result in self.results if (result.stage, result.sweep) == (name, sweep)), None
        )

    def runs(self, entry: Entry | ColumnResult) -> list[TrialResult]:
        """Returns the runs of `entry` that have epochs and did not fail."""
        found = (self.trials.get(key) for key in entry.trials)
        return [run for run in found if run and run.epochs and run.status is not TrialStatus.FAILED]

    def entry_like(self, config: TrialConfig) -> Entry | None:
        """Returns the entry of `config`, whatever its seed and epochs; None where it was not compared."""
        for result in self.results:
            for entry in result.entries:
                if replace(entry.config, seed=config.seed, epochs=config.epochs) == config:
                    return entry
        return None


def read_record(folder: Path) -> Record:
    """Returns what lies in `folder`; a damaged file is named in `unread` and skipped.

    Raises InputError where the folder is not a study, and where no stage of it can be read.
    """
    facts = read_study(folder)
    unread: list[str] = []
    results = [result for path in _json_files(folder / "stages") if (result := read_stage(path, unread))]
    if not results:
        damaged = f" ({'; '.join(unread)})" if unread else ""
        raise InputError(
            f"the study {folder} has no finished stage to report on{damaged}; "
            f"run python -m search.run --stage {next(iter(STAGES))} --study {folder.name} first"
        )
    trials = {
        path.stem: trial for path in _json_files(folder / "trials") if (trial := read_trial(path, unread))
    }
    readings = read_object(folder / "final.json", unread)
    return Record(
        name=folder.name,
        facts=facts,
        results=sorted(results, key=lambda result: (result.finished_at, result.stage, result.sweep)),
        trials=trials,
        readings=readings_in(readings),
        finetune=read_finetune(folder / "finetune.json", unread),
        photographs=_bytes_of(folder / "winner" / PHOTOGRAPHS),
        unread=unread,
    )


def _json_files(folder: Path) -> Iterable[Path]:
    return sorted(folder.glob("*.json"))


def read_stage(path: Path, unread: list[str]) -> StageResult | None:
    """Returns the result of a stage in the file `path`; None where it is damaged, which `unread` gets."""
    name, _, sweep = path.stem.partition(".")
    if (name not in STAGES and name != JOINT) or not (sweep or "1").isdecimal():
        unread.append(f"stages/{path.name}: no stage has this name")
        return None
    try:
        return StageFiles(path.parents[1]).read(name, int(sweep or 1))
    except InputError as error:
        unread.append(f"stages/{path.name}: {error}")
        return None


def read_trial(path: Path, unread: list[str]) -> TrialResult | None:
    """Returns the trial in the file `path`; None where it is damaged, which `unread` gets."""
    try:
        trial = TrialResult.from_dict(json.loads(path.read_text("utf-8")))
        if trial.trial.key != path.stem:
            raise ValueError(f"it holds the trial {trial.trial.key}")
        if not all(math.isfinite(value) for epoch in trial.epochs for value in vars(epoch).values()):
            raise ValueError("an epoch holds a value that is not finite")
    except (ValueError, KeyError, TypeError, OSError) as error:
        unread.append(f"trials/{path.name}: {error}")
        return None
    return trial


def read_finetune(path: Path, unread: list[str]) -> FinetuneResult | None:
    """Returns what fine-tuning found; None where it has not run, or the file is damaged (see `unread`)."""
    values = read_object(path, unread)
    if values is None:
        return None
    try:
        return FinetuneResult.from_dict(values)
    except (ValueError, KeyError, TypeError) as error:
        unread.append(f"{path.name}: {error}")
        return None


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def read_object(path: Path, unread: list[str]) -> Mapping[str, Any] | None:
    """Returns the JSON object in `path`; None where there is none, or a damaged one, which `unread` gets."""
    try:
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no JSON object")
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        unread.append(f"{path.name}: {error}")
        return None
    return values


def readings_in(values: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """Returns the readings of held-out data in what `final.json` holds."""
    readings = (values or {}).get("readings") or []
    return [reading for reading in readings if isinstance(reading, dict)]
