"""What a stage or a joint search found, as it stands in the study's folder: `stages/<stage>.json`.

Nothing here trains or decides; the driver fills these values, tables, report and dashboard read them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_json
from search.space.stages import STAGES
from search.study.layout import Layout
from trainables.trial import TrialConfig

FORMAT = 1
JOINT = "joint"


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The figure by which configurations are compared, and whether more of it is better."""

    metric: str = "mean_val_accuracy"
    mode: str = "max"


OBJECTIVE = Objective()


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How configurations were compared: the splits' names, the repeats' seeds, the level of the test."""

    split: str
    splits: tuple[str, ...]
    seeds: tuple[int, ...]
    level: float


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One compared configuration; all scores are of the objective, NaN where no run of it finished.

    `value` is the value of the stage's hyperparameter, None in a joint search. `config` carries the first
    seed. `trials` are ledger keys, a run for each split and seed; `reused` those of them that this run
    found in the ledger. `spread` is the standard deviation over the runs (NaN with fewer than two).
    `best_epoch` (from 1) is of the first run, `seconds` the sum of the runs' wall times. `status` is
    FAILED where a run failed, STOPPED where a scheduler stopped one or the time was up, else COMPLETED.
    The last four compare with the winner: mean difference (winner less this), its confidence interval,
    the p value corrected for the number of comparisons, and whether the two could not be told apart; None
    for the winner.
    """

    value: Any
    config: TrialConfig
    trials: tuple[str, ...]
    reused: tuple[str, ...]
    status: str
    reason: str
    mean: float
    spread: float
    best_val_accuracy: float
    best_epoch: int | None
    seconds: float
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    tied: bool | None = None


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """A finished stage (`hyperparameter` says what it varied) or joint search (`hyperparameter` is None).

    `base` is the configuration that was varied; `taken_over` says of each hyperparameter where its value
    comes from ("stage lr", "given", "default"). `verdict`: "clear" (better than every other value at the
    protocol's level), "tied", "single" (one run each, no statement) or "none" (nothing finished);
    `statement` says it in words. `search` holds the settings of a joint search. `breakdown` is of the
    winner's validation errors (`search.statistics.classification_errors`).
    """

    stage: str
    hyperparameter: str | None
    sweep: int
    objective: Objective
    protocol: Protocol
    base: TrialConfig
    taken_over: Mapping[str, str]
    entries: tuple[Entry, ...]
    winner: TrialConfig | None
    verdict: str
    statement: str
    notes: tuple[str, ...] = ()
    breakdown: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None
    seconds: float = 0.0
    finished_at: str = ""  # ISO 8601, UTC

    def entry_of(self, config: TrialConfig) -> Entry:
        """Returns the entry of `config`; raises KeyError where it was not compared."""
        for entry in self.entries:
            if entry.config == config:
                return entry
        raise KeyError(config)

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values; NaN becomes None."""
        values: dict[str, Any] = _plain(asdict(self))
        return {"format": FORMAT, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StageResult:
        """Returns what `to_dict` wrote; raises ValueError, KeyError or TypeError on anything else."""
        values = dict(values)
        if values.pop("format") != FORMAT:
            raise ValueError(f"this version reads format {FORMAT}")
        values["objective"] = Objective(**values["objective"])
        protocol = values["protocol"]
        values["protocol"] = Protocol(
            **{**protocol, "splits": tuple(protocol["splits"]), "seeds": tuple(protocol["seeds"])}
        )
        values["base"] = TrialConfig.from_dict(values["base"])
        values["winner"] = values["winner"] and TrialConfig.from_dict(values["winner"])
        values["entries"] = tuple(_entry(entry) for entry in values["entries"])
        values["notes"] = tuple(values["notes"])
        return cls(**values)


@dataclass(frozen=True)
class StageFiles:
    """The results of the stages below a study's folder; a second sweep's lie beside the first's."""

    folder: Path

    def write(self, result: StageResult) -> Path:
        """Writes `result` whole or not at all and returns its path."""
        path = self.path(result.stage, result.sweep)
        write_json(path, result.to_dict())
        return path

    def path(self, stage: str, sweep: int = 1) -> Path:
        """Where the result of `stage` lies."""
        return Layout(self.folder).stage(stage, sweep)

    def read(self, stage: str, sweep: int = 1) -> StageResult | None:
        """Returns the result of `stage`, None where it has not finished; raises InputError where damaged."""
        path = self.path(stage, sweep)
        try:
            return StageResult.from_dict(json.loads(path.read_text("utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is damaged ({error}); remove it and run the stage again, which reuses its trials"
            ) from error

    def all(self) -> Iterator[StageResult]:
        """Yields the results of all finished stages and sweeps, by the time they finished."""
        names = [path.stem for path in Layout(self.folder).stages.glob("*.json")]
        results = [self.read(name.partition(".")[0], int(name.partition(".")[2] or 1)) for name in names]
        yield from sorted((result for result in results if result), key=lambda result: result.finished_at)


def _entry(values: Mapping[str, Any]) -> Entry:
    numbers = {
        name: math.nan if values[name] is None else values[name]
        for name in ("mean", "spread", "best_val_accuracy")
    }
    return Entry(
        **{
            **values,
            **numbers,
            "value": _hashable(values["value"]),
            "config": TrialConfig.from_dict(values["config"]),
            "trials": tuple(values["trials"]),
            "reused": tuple(values["reused"]),
            "interval": values["interval"] and tuple(values["interval"]),
        }
    )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def winner_of(results: Iterable[StageResult], folder: Path) -> tuple[TrialConfig, str]:
    """Returns the configuration that the search ended with, and the stage that it is of.

    That is the winner of what finished last; of later stages in the order, which it could not take over,
    it has the winning values. Raises InputError where nothing has a winner.
    """
    found = [(result, result.winner) for result in results if result.winner]
    if not found:
        raise InputError(
            f"the study {folder} has no winner to fine-tune; run python -m search.run --stage all first"
        )
    last, winner = found[-1]
    if last.stage == JOINT:
        return winner, "the joint search"
    order = list(STAGES)
    later = {
        str(result.hyperparameter): getattr(won, str(result.hyperparameter))
        for result, won in found
        if result.stage != JOINT
        and order.index(result.stage) > order.index(last.stage)
        and result.base.backbone == winner.backbone
    }
    return replace(winner, **later), f"stage {last.stage}"
