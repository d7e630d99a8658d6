"""Results of stages, joint searches and populations, as they stand in a study: `stages/<stage>.json`.

Nothing here trains or decides: `search.strategies` makes these values, tables and report read them.
"""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from data_prep.errors import InputError
from data_prep.storage.json_files import OtherFormatError, json_number, read_as, write_json
from data_prep.storage.schema import require_schema
from search.space.labels import told_of
from search.space.stages import EVERY_STAGE
from search.statistics.baselines import Baseline, baselines_of
from search.statistics.importance import Importance
from search.statistics.verdict_text import standing
from search.study.formats import STAGE
from search.study.layout import Layout
from search.study.search_id import SearchId, SearchKind
from trainables.objective import Objective
from trainables.trial import TrialConfig, TrialStatus

if TYPE_CHECKING:
    import pandas as pd

JOINT = "joint"
_COUNTS = tuple(status.value.lower() for status in TrialStatus)


@dataclass(frozen=True, kw_only=True)
class ComparisonProtocol:
    """Protocol of a comparison: the names of the splits, the seeds of the repeats, the level of the test.

    `margin` is the difference of practical interest; 0 in files of before there was one.
    """

    split: str
    splits: tuple[str, ...]
    seeds: tuple[int, ...]
    level: float
    margin: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One compared configuration; all scores are of the objective, NaN where no run of it finished.

    `value` is the value of the stage's hyperparameter, None in a joint search. `config` carries the first
    seed. `trials` are ledger keys, a run for each split and seed; `reused` those of them that this run
    found in the ledger. `spread` is the standard deviation over the runs (NaN with fewer than two).
    `best_epoch` (from 1) is of the first run, `seconds` the sum of the runs' wall times. `status` is
    FAILED where a run failed, STOPPED where a scheduler stopped one or the time was up, else COMPLETED.
    `train_accuracy_at_inference` is the runs' mean after their last epoch; `one_class_epochs` counts those of
    their `epochs` that gave one class to all validation rows; None where a version did not know them.
    Those from `difference` to `equivalent` compare with the winner: mean difference (winner minus this), its
    confidence interval, the p value corrected for the number of comparisons, whether the two could not be
    told apart, and whether they are closer than the protocol's margin; None for the winner.
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
    equivalent: bool | None = None
    train_accuracy_at_inference: float | None = None
    one_class_epochs: int | None = None
    epochs: int | None = None

    @property
    def one_class_remark(self) -> str:
        """The remark on epochs that told no classes apart, empty where there are none."""
        if not self.one_class_epochs:
            return ""
        return f"one class only in {self.one_class_epochs} of {self.epochs} epochs"

    def row(self) -> dict[str, Any]:
        """Returns the figures by name, for a table."""
        low, high = self.interval or (None, None)
        return {
            "objective": self.mean,
            "spread": self.spread,
            "runs": len(self.trials),
            "best_val_accuracy": self.best_val_accuracy,
            "best_epoch": self.best_epoch,
            "status": self.status,
            "seconds": self.seconds,
            "difference": self.difference,
            "low": low,
            "high": high,
            "p_value": self.p_value,
            "tied": self.tied,
            "equivalent": self.equivalent,
            "train_accuracy_at_inference": self.train_accuracy_at_inference,
            "one_class_epochs": self.one_class_epochs,
        }


@dataclass(frozen=True, kw_only=True)
class Decision(ABC):
    """Part that the results of all kinds of search share: what was compared how, and who won.

    `base` is the configuration that was varied; `taken_over` says of each hyperparameter where its value
    comes from ("stage lr", "given", "default"). `verdict`: "clear" (better than every other value at the
    protocol's level), "equivalent", "undecided", "tied", "single" (one run each, so it may be chance) or
    "none" (nothing finished), as `search.statistics.selection` has them; `statement` says it in words.
    `breakdown` is of the winner's validation errors (`search.statistics.classification_errors`),
    `baselines` are on the same rows. A verdict of "no gain" says that nothing is better than the constant
    one. `corrected` is the winner's mean less what being chosen adds to it, None where that is not known.
    `not_for_new` names those (people, groups) who are on both sides of the split, so that a clear verdict is
    none for others of them; empty where there are none.
    """

    objective: Objective
    protocol: ComparisonProtocol
    base: TrialConfig
    taken_over: Mapping[str, str]
    entries: tuple[Entry, ...]
    winner: TrialConfig | None
    verdict: str
    statement: str
    notes: tuple[str, ...] = ()
    breakdown: Mapping[str, Any] | None = None
    baselines: tuple[Baseline, ...] = ()
    corrected: float | None = None
    not_for_new: str = ""
    seconds: float = 0.0
    finished_at: str = ""  # ISO 8601, UTC

    def entry_of(self, config: TrialConfig) -> Entry:
        """Returns the entry of `config`; raises KeyError where it was not compared."""
        for entry in self.entries:
            if entry.config == config:
                return entry
        raise KeyError(config)

    def standing(self, entry: Entry) -> str:
        """Returns how `entry` stands among those compared, in a word."""
        return standing(self.verdict, entry.tied, entry.equivalent, won=entry.config == self.winner)

    def trial_keys(self) -> list[str]:
        """Returns the ledger's keys of all trials that were made for it, each once."""
        return list(dict.fromkeys(key for entry in self.entries for key in entry.trials))

    @property
    def varied(self) -> Sequence[str]:
        """The hyperparameters in which the entries may differ."""
        return told_of(*(entry.config for entry in self.entries))

    def table(self) -> pd.DataFrame:
        """Returns one row per entry: its values of what was varied, and its figures as in Entry.

        `objective` is the mean over its `runs`; `low` to `high` is the interval of the `difference`.
        """
        import pandas as pd  # takes as long as all the rest, and only people at Python ask for tables

        varied = ({name: getattr(entry.config, name) for name in self.varied} for entry in self.entries)
        return pd.DataFrame(
            [{**values, **entry.row()} for values, entry in zip(varied, self.entries, strict=True)]
        )

    def __repr__(self) -> str:
        # all entries with their configurations would fill a screen
        varied = ", ".join(self.varied)
        return f"{type(self).__name__}({varied}: {self.statement!r}, {len(self.entries)} entries)"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.statement)}</p>{self.table().to_html(index=False)}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values; NaN becomes None."""
        values = {**asdict(self), **self._own()}
        # a file has the order of _IN_FILE, whatever that of the classes
        return {"format": STAGE.number, **{name: _plain(values[name]) for name in _IN_FILE}}

    @abstractmethod
    def _own(self) -> dict[str, Any]:
        """Returns the values that only this kind of search has: stage, hyperparameter, sweep, search."""


@dataclass(frozen=True, kw_only=True, repr=False)
class StageResult(Decision):
    """A finished stage: `hyperparameter` is what it varied, `sweep` counts from 1."""

    stage: str
    hyperparameter: str
    sweep: int = 1

    @property
    def varied(self) -> Sequence[str]:
        """The hyperparameter in which the entries differ."""
        return (self.hyperparameter,)

    def _own(self) -> dict[str, Any]:
        return {"search": None}


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A value of a winner and what it is worth: the winner less itself with the `default`, in pairs.

    The last three are as in Entry.
    """

    hyperparameter: str
    value: Any
    default: Any
    difference: float
    interval: tuple[float, float] | None
    p_value: float | None
    tied: bool | None


@dataclass(frozen=True, kw_only=True, repr=False)
class JointResult(Decision):
    """A finished joint search: `entries` are its best configurations, `trials` the keys of all it tried.

    `settings` are what was asked (`search.strategies.joint.JointPlan.settings`), `counts` how many trials
    ended in which way, `ablation` what each of the winner's values is worth. `importance` is None where
    trials were too few, and where an earlier version did not keep it.
    """

    stage: ClassVar[str] = JOINT
    sweep: ClassVar[int] = 1
    settings: Mapping[str, Any]
    trials: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    ablation: tuple[Ablation, ...] = ()
    importance: Importance | None = None

    def trial_keys(self) -> list[str]:
        """Returns the ledger's keys of all trials that were made for it, each once."""
        return list(dict.fromkeys((*super().trial_keys(), *self.trials)))

    def _own(self) -> dict[str, Any]:
        worth = [asdict(each) for each in self.ablation]
        found = {"importance": asdict(self.importance)} if self.importance else {}
        return _joint({**self.settings, "trials": self.trials, **self.counts, "ablation": worth, **found})


@dataclass(frozen=True, kw_only=True, repr=False)
class PopulationResult(Decision):
    """A population that was trained: an entry and one of `members` for each, the best first.

    A member stands in no ledger, because its values changed while it trained: `members` have the values of
    every epoch, and the `key` by which callbacks heard of it. `settings` are as in JointResult.
    """

    stage: ClassVar[str] = JOINT
    sweep: ClassVar[int] = 1
    settings: Mapping[str, Any]
    members: tuple[Mapping[str, Any], ...]

    def _own(self) -> dict[str, Any]:
        return _joint({**self.settings, "trials": (), "members": self.members})


Result: TypeAlias = StageResult | JointResult | PopulationResult
_IN_FILE = (
    *("stage", "hyperparameter", "sweep", "objective", "protocol", "base", "taken_over", "entries"),
    *("winner", "verdict", "statement", "notes", "breakdown", "baselines", "corrected"),
    "not_for_new",
    *("search", "seconds", "finished_at"),
)


def _joint(search: Mapping[str, Any]) -> dict[str, Any]:
    return {"stage": JOINT, "hyperparameter": None, "sweep": 1, "search": search}


def result_from_dict(values: Mapping[str, Any]) -> Result:
    """Returns the result that `to_dict` wrote; raises ValueError, KeyError or TypeError on anything else."""
    result = _result({name: value for name, value in values.items() if name != "format"})
    require_schema(result)
    return result


def _result(values: Mapping[str, Any]) -> Result:
    protocol = values["protocol"]
    shared = {
        **values,
        "objective": Objective(**values["objective"]),
        "protocol": ComparisonProtocol(
            **{**protocol, "splits": tuple(protocol["splits"]), "seeds": tuple(protocol["seeds"])}
        ),
        "base": TrialConfig.from_dict(values["base"]),
        "winner": values["winner"] and TrialConfig.from_dict(values["winner"]),
        "entries": tuple(_entry(entry) for entry in values["entries"]),
        "notes": tuple(values["notes"]),
        "baselines": baselines_of(values.get("baselines", ())),
    }
    search = shared.pop("search", None)
    if shared["hyperparameter"] is not None:
        return StageResult(**shared)
    for name in ("stage", "hyperparameter", "sweep"):
        del shared[name]
    return _joint_result(dict(search), shared)


def _joint_result(search: dict[str, Any], shared: Mapping[str, Any]) -> JointResult | PopulationResult:
    trials = tuple(search.pop("trials"))
    if "members" in search:
        members = tuple(search.pop("members"))
        return PopulationResult(settings=search, members=members, **shared)
    counts = {name: search.pop(name) for name in _COUNTS if name in search}
    ablation = tuple(map(_ablation, search.pop("ablation", ())))
    found = search.pop("importance", None)
    return JointResult(
        settings=search,
        trials=trials,
        counts=counts,
        ablation=ablation,
        importance=found and Importance(**{name: _hashable(value) for name, value in found.items()}),
        **shared,
    )


def require_winner(result: Result) -> None:
    """Raises InputError, with the reasons, where nothing of a search could be trained."""
    if result.winner is None:
        reasons = "; ".join(sorted({entry.reason for entry in result.entries if entry.reason}))
        raise InputError(
            f"no value of the stage {result.stage} could be trained ({reasons or 'no reason given'})"
        )


@dataclass(frozen=True)
class StageFiles:
    """The results of the stages below a study's folder; a second sweep's lie beside the first's."""

    folder: Path

    def write(self, result: Result) -> Path:
        """Writes `result` whole or not at all and returns its path.

        It is the last of the study, also where the clock of this machine is behind that of an earlier run.
        """
        path = self.path(result.stage, result.sweep)
        last = max((other.finished_at for other in self._others(path)), default="")
        if result.finished_at < last:
            just_after = datetime.fromisoformat(last) + timedelta(microseconds=1)
            # without timespec a whole second has fewer digits, and texts are compared
            result = replace(result, finished_at=just_after.isoformat(timespec="microseconds"))
        write_json(path, result.to_dict())
        return path

    def _others(self, path: Path) -> Iterator[Result]:
        for other, stage, sweep in self._files():
            with contextlib.suppress(InputError):  # one that is damaged orders nothing
                if other != path and (found := self.read(stage, sweep)):
                    yield found

    def path(self, stage: str, sweep: int = 1) -> Path:
        """Returns the path of the result of `stage`."""
        return Layout(self.folder).stage(stage, sweep)

    def read(self, stage: str, sweep: int = 1) -> Result | None:
        """Returns the result of `stage`, None where it has not finished; raises InputError where damaged."""
        way_out = "the next run of the stage decides it again from its trials"
        return read_as(self.path(stage, sweep), STAGE, result_from_dict, way_out=way_out)

    def find(self, stage: str, sweep: int = 1) -> Result | None:
        """Returns the result of `stage`, None where it has not finished or is damaged.

        Raises InputError for one of another version.
        """
        found = self._read_or_error(stage, sweep)
        return None if isinstance(found, InputError) else found

    def all(self) -> Iterator[Result]:
        """Yields the results of all finished stages and sweeps, in the order in which they were written.

        Those that are damaged are left out; raises InputError for one of another version.
        """
        results = [self.find(stage, sweep) for _, stage, sweep in self._files()]
        yield from sorted((result for result in results if result), key=lambda result: result.finished_at)

    def damaged(self) -> Iterator[tuple[Path, InputError]]:
        """Yields the files that are damaged, and what is said of each; raises InputError as `find`."""
        for path, stage, sweep in self._files():
            found = self._read_or_error(stage, sweep)
            if isinstance(found, InputError):
                yield path, found

    def _files(self) -> Iterator[tuple[Path, str, int]]:
        """Yields each file with its stage and sweep; a file of none is left alone."""
        for path in Layout(self.folder).stages.glob("*.json"):
            with contextlib.suppress(InputError):
                yield path, *stage_in(path)

    def _read_or_error(self, stage: str, sweep: int) -> Result | InputError | None:
        """Returns what `read` does, or what it raises where the file is damaged and of no other version."""
        try:
            return self.read(stage, sweep)
        except InputError as error:
            # a newer version's is whole: putting it aside would lose it
            if isinstance(error.__cause__, OtherFormatError):
                raise
            return error


def stage_in(path: Path) -> tuple[str, int]:
    """Returns the stage and the sweep that a file is called by; raises InputError where it is of none."""
    name, _, sweep = path.stem.partition(".")
    if (name not in EVERY_STAGE and name != JOINT) or not (sweep or "1").isdecimal():
        raise InputError(f"{path} is not a stage's file; remove it")
    return name, int(sweep or 1)


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


def _ablation(values: Mapping[str, Any]) -> Ablation:
    read = {name: _hashable(values[name]) for name in ("value", "default", "interval")}
    return Ablation(**{**values, **read})


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # hidden units are a list in JSON


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return json_number(value) if isinstance(value, float) else value


def winner_of(results: Iterable[Result], folder: Path) -> tuple[TrialConfig, str]:
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
    if not isinstance(last, StageResult):
        return winner, "the joint search"  # it varied all at once, nothing comes later
    order = list(EVERY_STAGE)
    later = {
        result.hyperparameter: getattr(won, result.hyperparameter)
        for result, won in found
        if isinstance(result, StageResult)
        and order.index(result.stage) > order.index(last.stage)
        and result.base.backbone == winner.backbone  # for another one it may be wrong
    }
    return replace(winner, **later), str(SearchId(SearchKind.STAGE, last.stage))
