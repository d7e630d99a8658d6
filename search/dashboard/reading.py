"""Reads a study's folder again and again while it changes; a file is parsed once until it changes."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from data_prep.errors import InputError
from search.study.folder import read_study
from search.study.live_state import Live, read_live
from search.study.record import Record, read_finetune, read_object, read_stage, read_trial, readings_in
from trainables.trial import TrialResult

Stamp = tuple[int, int, int]
"""Tells one content of a file from the next: its moment of change (ns), size and inode."""

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """What lay in a study's folder at one moment.

    `storage` is what the option --storage calls the place of `folder`. `unread` names what could not be
    read; `ended_at` are the moments (unix seconds) at which the trials' files were written, by key. While
    nothing but `live` changes, `record` stays the same object.
    """

    folder: Path
    storage: str
    record: Record
    ended_at: Mapping[str, float]
    live: Live | None
    unread: Sequence[str]

    @property
    def name(self) -> str:
        """What a person calls the study."""
        return self.folder.name


_Scan = tuple[Mapping[Path, Stamp], Snapshot]


@dataclass
class StudyReader:
    """Reads the study in `folder`; may be asked by several threads.

    `storage` is as in Snapshot. The folder is not looked at again within `scan_s`, but for the live state.
    """

    folder: Path
    storage: str = ""
    scan_s: float = 0.0
    _scanned_at: float = -math.inf
    _parsed: dict[Path, tuple[Stamp, Any, Sequence[str]]] = field(default_factory=dict)
    _last: _Scan | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> Snapshot:
        """Returns what lies in the folder now; a damaged file is named in `unread`.

        Raises InputError where there is no study.
        """
        with self._lock:
            if self._last is None or time.monotonic() - self._scanned_at >= self.scan_s:
                self._last = self._scan(self._last)
                self._scanned_at = time.monotonic()
            return self._with_live(self._last[1])

    def _scan(self, last: _Scan | None) -> _Scan:
        stamps = dict(_files(self.folder))
        if not stamps:
            raise InputError(_no_study(self.folder))
        return last if last and last[0] == stamps else (stamps, self._snapshot(stamps))

    def _snapshot(self, stamps: Mapping[Path, Stamp]) -> Snapshot:
        self._parsed = {path: parsed for path, parsed in self._parsed.items() if path in stamps}
        unread: list[str] = []
        paths = sorted(stamps)

        def of(folder: str, parse: Callable[[Path, list[str]], Value | None]) -> dict[str, Value]:
            inside = [path for path in paths if path.parent.name == folder and path.parent != self.folder]
            found = {path.stem: self._read(path, stamps[path], parse, unread) for path in inside}
            return {name: value for name, value in found.items() if value is not None}

        def one(name: str, parse: Callable[[Path, list[str]], Value | None]) -> Value | None:
            path = self.folder / name
            return self._read(path, stamps[path], parse, unread) if path in stamps else None

        trials: dict[str, TrialResult] = of("trials", read_trial)
        record = Record(
            name=self.folder.name,
            facts=_facts(self.folder, unread),
            results=sorted(
                of("stages", read_stage).values(),
                key=lambda result: (result.finished_at, result.stage, result.sweep),
            ),
            trials=trials,
            readings=readings_in(one("final.json", read_object)),
            finetune=one("finetune.json", read_finetune),
            unread=unread,
        )
        ended_at = {path.stem: stamps[path][0] / 1e9 for path in paths if path.parent.name == "trials"}
        return Snapshot(
            folder=self.folder,
            storage=self.storage or str(self.folder.parent),
            record=record,
            ended_at=ended_at,
            live=None,
            unread=unread,
        )

    def _read(
        self,
        path: Path,
        stamp: Stamp,
        parse: Callable[[Path, list[str]], Value | None],
        unread: list[str],
    ) -> Value | None:
        known = self._parsed.get(path)
        if known is None or known[0] != stamp:
            problems: list[str] = []
            known = self._parsed[path] = stamp, parse(path, problems), problems
        unread.extend(known[2])
        value: Value | None = known[1]
        return value

    def _with_live(self, snapshot: Snapshot) -> Snapshot:
        """Returns `snapshot` with the live state, which ages even where no file changes."""
        try:
            return replace(snapshot, live=read_live(self.folder))
        except InputError as error:
            return replace(snapshot, unread=[*snapshot.unread, str(error)])


def _files(folder: Path) -> Iterator[tuple[Path, Stamp]]:
    """Yields the files of a study that are read, but for the live state."""
    for place in (folder, folder / "stages", folder / "trials"):
        try:
            entries = list(os.scandir(place))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise InputError(f"{place} cannot be read ({error.strerror}); check its permissions") from None
        for entry in entries:
            if entry.name.endswith(".json") and entry.name != "live.json" and entry.name[0] != ".":
                try:
                    found = entry.stat()
                except FileNotFoundError:  # replaced this moment: the next reading sees it
                    continue
                yield place / entry.name, (found.st_mtime_ns, found.st_size, found.st_ino)


def _facts(folder: Path, unread: list[str]) -> dict[str, Any]:
    try:
        return read_study(folder)
    except InputError as error:
        unread.append(str(error))
        return {}


def _no_study(folder: Path) -> str:
    if not folder.exists():
        return f"{folder} does not exist (yet); start a search, or give another folder"
    return f"{folder} holds no study (yet): it has no study.json; start a search, or give another folder"
