"""Snapshot of a study's folder: what is damaged is named, the rest is there, and nothing is changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from data_prep.errors import InputError
from data_prep.storage.json_files import MOST_BYTES, read_as, write_json
from data_prep.storage.parsed_files import ParsedFiles, Stamp, stamp_of
from data_prep.storage.regular_files import read_regular
from data_prep.storage.remote import shown
from search.statistics.split_worth import SplitWorth
from search.study.facts import StudyFacts, read_facts
from search.study.finetune_result import ColumnResult, FinetuneResult, read_finetune
from search.study.folder import Command, read_command
from search.study.formats import READINGS, SPLIT_WORTH
from search.study.index import is_large, keep_trials, read_kept, stamps_in, unread_trials
from search.study.layout import Layout
from search.study.ledger import read_trial
from search.study.live_state import Live, LiveState, read_live
from search.study.stage_results import (
    Entry,
    JointResult,
    PopulationResult,
    Result,
    StageFiles,
    StageResult,
    stage_in,
)
from trainables.trial import TrialConfig, TrialResult, TrialStatus

Value = TypeVar("Value")
_Stamps = tuple[Mapping[Path, Stamp], Mapping[str, Stamp]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """Content of a study's folder at one moment: stages by the time they finished, trials by key.

    `storage` is what the option --storage calls the place of `folder`. `ended_at` are the moments (unix
    seconds) at which the trials' files were written, by key. `readings` are of held-out data, `split_worth`
    says what groups on both sides of a random split add to the last winner's accuracy, `photographs`
    is the picture (PNG) of what the final model says of some. `unread` has a sentence for each file that
    could not be read.
    """

    folder: Path
    storage: str
    facts: StudyFacts
    results: Sequence[Result]
    trials: Mapping[str, TrialResult]
    ended_at: Mapping[str, float]
    readings: Sequence[Mapping[str, Any]]
    finetune: FinetuneResult | None
    split_worth: SplitWorth | None
    photographs: bytes | None
    command: Command | None
    live: Live | None
    unread: Sequence[str]

    @property
    def name(self) -> str:
        """The name that a person calls the study by."""
        return self.folder.name

    @property
    def is_running(self) -> bool:
        """Whether a run of the study is at work."""
        return self.live is not None and self.live.state is LiveState.RUNNING

    @property
    def staged(self) -> list[StageResult]:
        """The stages, without the joint search."""
        return [result for result in self.results if isinstance(result, StageResult)]

    @property
    def joint(self) -> JointResult | PopulationResult | None:
        """The joint search, None where it has not run."""
        return next((result for result in self.results if not isinstance(result, StageResult)), None)

    @property
    def last(self) -> StageResult | None:
        """The stage that finished last with a winner: the outcome of the staged search."""
        return next((result for result in reversed(self.staged) if result.winner), None)

    def stage(self, name: str, sweep: int = 1) -> StageResult | None:
        """Returns the result of a stage, None where it has not run."""
        return next((result for result in self.staged if (result.stage, result.sweep) == (name, sweep)), None)

    def runs(self, entry: Entry | ColumnResult) -> list[TrialResult]:
        """Returns the runs of `entry` that have epochs and did not fail."""
        found = (self.trials.get(key) for key in entry.trials)
        return [run for run in found if run and run.figures and run.status is not TrialStatus.FAILED]

    def path_of(self, result: Result) -> Path:
        """Returns the file that `result` stands in."""
        return StageFiles(self.folder).path(result.stage, result.sweep)

    @property
    def check_advice(self) -> str:
        """The command that looks closer where files cannot be read; empty where all can."""
        if not self.unread:
            return ""
        return f"python -m search.check {shown(self.folder)} --repair puts aside what is damaged"

    def entry_like(self, config: TrialConfig) -> Entry | None:
        """Returns the entry of `config`, whatever its seed and epochs; None where it was not compared."""
        for result in self.results:
            for entry in result.entries:
                if replace(entry.config, seed=config.seed, epochs=config.epochs) == config:
                    return entry
        return None


class SnapshotReader:
    """Takes snapshots of the study in `folder`; a file is parsed again only when it has changed.

    `storage` is as in Snapshot. Without `trials` none is parsed, and only those are read that changed since
    somebody looked (`unread_trials`), which is quick: a snapshot then has no more of them than `ended_at`.
    Of many, trials come from the index (`kept_trials`), unless not `indexed`: for who decides or checks.
    """

    def __init__(self, folder: Path, *, storage: str = "", trials: bool = True, indexed: bool = True) -> None:
        self.folder, self._layout = folder, Layout(folder)
        self._trials, self._indexed = trials, indexed
        self._storage = storage or shown(folder.parent)
        self._parsed = ParsedFiles()
        self._known: dict[str, tuple[Stamp, TrialResult | InputError | None]] = {}
        self._last: tuple[_Stamps, Snapshot] | None = None

    def read(self) -> Snapshot:
        """Returns a snapshot of the folder as it is now; raises InputError where nothing does."""
        return with_live(self.without_live())

    def without_live(self) -> Snapshot:
        """Returns a snapshot without the live state; the same object while nothing changes."""
        layout = self._layout
        stamps = dict(_files(layout)), _stamps_in(layout.trials)
        if not any(stamps):
            raise InputError(_no_study(layout))
        if self._last is None or self._last[0] != stamps:  # the same object says: nothing new
            self._last = stamps, self._snapshot(*stamps)
        return self._last[1]

    def _snapshot(self, stamps: Mapping[Path, Stamp], of_trials: Mapping[str, Stamp]) -> Snapshot:
        self._parsed.keep_only(stamps)  # what was removed must not stay in memory
        layout, unread, paths_in = self._layout, list[str](), defaultdict[Path, list[Path]](list)
        for path in stamps:
            paths_in[path.parent].append(path)

        def one(path: Path, parse: Callable[[Path], Value | None]) -> Value | None:
            if path not in stamps:
                return None
            outcome = self._parsed.get(path, lambda path: _tolerating(parse, path), stamps[path])
            if isinstance(outcome, InputError):
                unread.append(str(outcome))
                return None
            return outcome

        def inside(folder: Path, parse: Callable[[Path], Value | None]) -> Iterator[Value]:
            found = (one(path, parse) for path in sorted(paths_in.get(folder, ())))
            return (value for value in found if value is not None)

        facts = one(layout.facts, lambda path: read_facts(path.parent))
        results: list[Result] = list(inside(layout.stages, read_stage))
        trials, damaged = (
            self._read_trials(of_trials) if self._trials else ([], unread_trials(self.folder, of_trials))
        )
        unread += damaged
        return Snapshot(
            folder=self.folder,
            storage=self._storage,
            facts=facts or StudyFacts(),
            results=sorted(results, key=lambda result: (result.finished_at, result.stage, result.sweep)),
            trials={trial.trial.key: trial for trial in trials},
            ended_at={name.removesuffix(".json"): stamp[0] / 1e9 for name, stamp in of_trials.items()},
            readings=one(layout.final, lambda path: read_final(path.parent)) or [],
            finetune=one(layout.finetune, lambda path: read_finetune(path.parent)),
            split_worth=one(layout.split_worth, lambda path: read_split_worth(path.parent)),
            photographs=one(layout.photographs, lambda path: read_regular(path, MOST_BYTES)),
            command=one(layout.command, lambda path: read_command(path.parent)),
            live=None,
            unread=unread,
        )

    def _read_trials(self, stamps: Mapping[str, Stamp]) -> tuple[list[TrialResult], list[str]]:
        """Returns the trials, and a sentence for each file of a trial that could not be read."""
        folder = self._layout.trials
        new = {name: stamp for name, stamp in stamps.items() if self._known.get(name, ((),))[0] != stamp}
        many = self._indexed and is_large(len(new))
        kept: Mapping[str, TrialResult] = read_kept(self._layout, new) if many else {}
        read = {name: kept.get(name) or _tolerating(read_trial, folder / name) for name in sorted(new)}
        self._known = {
            name: (stamps[name], read[name]) if name in read else self._known[name] for name in sorted(stamps)
        }
        found = [value for _, value in self._known.values()]
        trials = [value for value in found if isinstance(value, TrialResult)]
        # the stamps are of before the files were read: one that changed meanwhile has another
        if self._indexed and is_large(len(new) - len(kept)):
            keep_trials(self._layout, stamps, trials)
        return trials, [str(value) for value in found if isinstance(value, InputError)]


def with_live(snapshot: Snapshot) -> Snapshot:
    """Returns `snapshot` with the live state, which ages even where no file changes."""
    try:
        return replace(snapshot, live=read_live(snapshot.folder))
    except InputError as error:
        return replace(snapshot, unread=[*snapshot.unread, str(error)])


def read_stage(path: Path) -> Result | None:
    """Returns the result in a file of `stages/`; raises InputError where it is damaged, or of no stage."""
    return StageFiles(path.parents[1]).read(*stage_in(path))


def read_final(folder: Path) -> list[dict[str, Any]]:
    """Returns the readings of held-out data that the study in `folder` has made, the first one first.

    Raises InputError where the file is damaged.
    """
    readings = read_as(
        Layout(folder).final,
        READINGS,
        _readings,
        way_out="restore it from a copy",  # without it a second look at held-out data would seem the first
    )
    return readings or []


def reading_of(
    readings: Sequence[Mapping[str, Any]], config: Mapping[str, Any], start: str = ""
) -> Mapping[str, Any] | None:
    """Returns the reading of held-out data that is of exactly this configuration, None without one.

    What starts from another's weights, which `start` names, is another model: readings are of none.
    """
    return None if start else next((each for each in readings if each["config"] == config), None)


def keep_readings(folder: Path, readings: Sequence[Mapping[str, Any]]) -> None:
    """Keeps all readings of held-out data that the study in `folder` has made."""
    write_json(Layout(folder).final, {"format": READINGS.number, "readings": list(readings)})


def _readings(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(reading) for reading in values["readings"]]


def read_split_worth(folder: Path) -> SplitWorth | None:
    """Returns what the random split of the study in `folder` is worth, None where nothing is known of it.

    Raises InputError where the file is damaged.
    """
    path, way_out = Layout(folder).split_worth, "remove it, the next run writes it again"
    return read_as(path, SPLIT_WORTH, SplitWorth.from_dict, way_out=way_out)


def _tolerating(parse: Callable[[Path], Value], path: Path) -> Value | InputError | None:
    try:
        return parse(path)
    except InputError as error:
        return error
    except FileNotFoundError:  # gone since the folder was listed
        return None
    except OSError as error:
        return InputError(f"{path} cannot be read ({error.strerror}); check its permissions")


def _no_study(layout: Layout) -> str:
    folder, other = layout.folder, "start a search, or give another folder"
    if not folder.exists():
        return f"{folder} does not exist (yet); {other}"
    return f"{folder} holds no study (yet): it has no {layout.facts.name}; {other}"


def _files(layout: Layout) -> Iterator[tuple[Path, Stamp]]:
    """Yields the files of a study that are read, but for the live state and the trials."""
    for folder in (layout.folder, layout.stages):
        for name, stamp in _stamps_in(folder).items():
            if folder / name != layout.live:
                yield folder / name, stamp
    with suppress(FileNotFoundError, NotADirectoryError), _saying(layout.photographs):
        yield layout.photographs, stamp_of(layout.photographs.stat())


def _stamps_in(folder: Path) -> dict[str, Stamp]:
    with _saying(folder):
        return stamps_in(folder)


@contextmanager
def _saying(path: Path) -> Iterator[None]:
    """Says which path cannot be read, where it is there."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
